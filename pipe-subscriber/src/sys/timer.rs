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

/// Tells once when a time is over, and can be set again. It needs no timer of the runtime, which may have none.
#[derive(Debug)]
pub(crate) struct Timer {
    by: By,
    running: bool,
}

#[derive(Debug)]
enum By {
    /// Registered with the runtime in which it is polled first.
    Opened(Arc<OwnedFd>),
    Registered(AsyncFd<Arc<OwnedFd>>),
    Thread(ThreadTimer),
}

impl Timer {
    /// Fails where there is no descriptor left, or the system has neither such a descriptor nor a thread for us.
    pub(crate) fn open() -> io::Result<Self> {
        match timerfd() {
            Ok(fd) => Ok(Self::by(By::Opened(Arc::new(fd)))),
            Err(error @ (Errno::MFILE | Errno::NFILE)) => Err(error.into()),
            Err(_) => Self::on_thread(),
        }
    }

    /// Makes one in any way that there is.
    pub(crate) fn open_somehow() -> io::Result<Self> {
        Self::open().or_else(|_| Self::on_thread())
    }

    pub(crate) fn has_descriptor(&self) -> bool {
        !matches!(self.by, By::Thread(_))
    }

    /// Waits for this time from here on, and no longer for what it was set to before.
    pub(crate) fn set(&mut self, after: Duration) -> io::Result<()> {
        match &mut self.by {
            By::Opened(fd) => set_timerfd(fd, after)?,
            By::Registered(registered) => {
                // That the time was over before is forgotten first, by the runtime here and by the system below.
                let mut nobody = Context::from_waker(Waker::noop());
                if let Poll::Ready(ready) = registered.poll_read_ready(&mut nobody) {
                    ready?.clear_ready();
                }
                set_timerfd(registered.get_ref(), after)?;
            }
            By::Thread(timer) => timer.set(Instant::now() + after)?,
        }
        self.running = true;
        Ok(())
    }

    /// Ready once the time is over, or if it is not set.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.running {
            match &mut self.by {
                By::Opened(fd) => match register(Arc::clone(fd)) {
                    Ok(registered) => self.by = By::Registered(registered),
                    // Over too early is better than never.
                    Err(_) => *self = Self::on_thread()?,
                },
                By::Registered(registered) => {
                    let _readable = ready!(registered.poll_read_ready(cx))?;
                    self.running = false;
                }
                By::Thread(timer) => {
                    ready!(timer.poll(cx));
                    self.running = false;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn on_thread() -> io::Result<Self> {
        Ok(Self::by(By::Thread(ThreadTimer::start()?)))
    }

    fn by(by: By) -> Self {
        Self { by, running: false }
    }
}

/// One that can be set: it is tried.
fn timerfd() -> Result<OwnedFd, Errno> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    set_timerfd(&fd, Duration::ZERO)?;
    Ok(fd)
}

/// Zero switches it off.
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
