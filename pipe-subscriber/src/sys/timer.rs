//! The timer of the grace period and of asking for an exit.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::io::unix::AsyncFd;

use super::registration::register;
use super::thread_timer::ThreadTimer;

/// A timer that expires once and can be set again. It does not use the runtime's timer, which may not be enabled.
#[derive(Debug)]
pub(crate) struct Timer {
    source: Source,
    running: bool,
}

/// The source of the expiry.
#[derive(Debug)]
enum Source {
    /// A timerfd that will be registered with the runtime in which it is polled first.
    Unregistered(Arc<OwnedFd>),
    /// A timerfd that becomes readable when the time is over.
    Registered(AsyncFd<Arc<OwnedFd>>),
    Thread(ThreadTimer),
}

impl Timer {
    /// Opens a timerfd, or starts a thread if the system has no timerfd.
    ///
    /// Fails if the limit of descriptors is reached, or if the system refuses both.
    pub(crate) fn open() -> io::Result<Self> {
        match timerfd() {
            Ok(fd) => Ok(Self::new(Source::Unregistered(Arc::new(fd)))),
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error.into()),
            Err(_) => Self::with_thread(),
        }
    }

    /// As [`open`](Self::open), but starts a thread also if the limit of descriptors is reached.
    pub(crate) fn open_or_start_thread() -> io::Result<Self> {
        Self::open().or_else(|_| Self::with_thread())
    }

    pub(crate) fn has_descriptor(&self) -> bool {
        !matches!(self.source, Source::Thread(_))
    }

    /// Sets the timer to expire `after` this time from now; this replaces an earlier setting.
    pub(crate) fn set(&mut self, after: Duration) -> io::Result<()> {
        match &mut self.source {
            Source::Unregistered(fd) => set_timerfd(fd, after)?,
            Source::Registered(registered) => {
                // An earlier expiry may still be recorded as readiness, and would be taken for the new one. The
                // runtime's record is cleared here; the descriptor's own is cleared by setting the timer.
                let mut no_wake = Context::from_waker(Waker::noop());
                if let Poll::Ready(ready) = registered.poll_read_ready(&mut no_wake) {
                    ready?.clear_ready();
                }
                set_timerfd(registered.get_ref(), after)?;
            }
            Source::Thread(timer) => timer.set(Instant::now() + after)?,
        }
        self.running = true;
        Ok(())
    }

    /// Ready if the timer has expired or is not set.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.running {
            match &mut self.source {
                Source::Unregistered(fd) => match register(Arc::clone(fd)) {
                    Ok(registered) => self.source = Source::Registered(registered),
                    // The new timer is not set, so the loop ends: this expires too early, which is better than never.
                    Err(_) => *self = Self::with_thread()?,
                },
                Source::Registered(registered) => {
                    let _readable = ready!(registered.poll_read_ready(cx))?;
                    self.running = false;
                }
                Source::Thread(timer) => {
                    ready!(timer.poll(cx));
                    self.running = false;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn with_thread() -> io::Result<Self> {
        Ok(Self::new(Source::Thread(ThreadTimer::start()?)))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            running: false,
        }
    }
}

/// Opens a timerfd and tries to set it: a filter of system calls may refuse one of the two.
fn timerfd() -> Result<OwnedFd, Errno> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    set_timerfd(&fd, Duration::ZERO)?;
    Ok(fd)
}

/// Sets a timerfd. A duration of zero switches it off.
fn set_timerfd(fd: &OwnedFd, after: Duration) -> Result<(), Errno> {
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        },
    };
    timerfd_settime(fd, TimerfdTimerFlags::empty(), &once)?;
    Ok(())
}
