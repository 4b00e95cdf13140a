//! The watch over a child's exit and over the grace period after it.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::io::unix::AsyncFd;

use super::child_process::ChildProcess;
use super::grace::Grace;
use crate::sys::{Timer, register};

/// The time between two checks of a child whose exit the system does not report.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Finds out when the grace period after a child's exit is over.
#[derive(Debug)]
pub(crate) struct ExitWatch {
    child: ChildState,
    /// `None` while it is not needed, so that it takes no descriptor.
    timer: Option<Timer>,
    grace_period: Duration,
    grace: Grace,
}

/// How the child's exit is found out.
#[derive(Debug)]
enum ChildState {
    /// The child has not been named yet.
    Unknown,
    /// By a descriptor of the process (pidfd), which will be registered with the runtime of the first poll.
    Unregistered(Arc<OwnedFd>),
    /// By a registered pidfd. It becomes readable when the process exits, no matter who waits for the process.
    Registered(AsyncFd<Arc<OwnedFd>>),
    /// By a check every [`CHECK_INTERVAL`].
    Checked(CheckedProcess),
    Exited,
}

/// A process that cannot be registered with the runtime.
#[derive(Debug)]
enum CheckedProcess {
    /// The runtime refuses to register the pidfd.
    Pidfd(Arc<OwnedFd>),
    /// The system refuses a pidfd.
    Pid(ChildProcess),
}

impl ExitWatch {
    /// Creates a watch that waits for [`start`](Self::start). To be called before the spawn: it opens a timer, so that a
    /// system that has none makes the spawn fail, and not the reading.
    ///
    /// Returns `None` on systems on which exits cannot be watched; on Linux it does not.
    pub(crate) fn new(grace: Duration) -> io::Result<Option<Self>> {
        Ok(Some(Self {
            child: ChildState::Unknown,
            timer: Some(Timer::open()?),
            grace_period: grace,
            grace: Grace::new(grace),
        }))
    }

    /// Starts to watch a child that is known by its pid.
    pub(crate) fn start(&mut self, pid: Option<u32>) {
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // Without a pid, somebody has already waited for the child: it has exited.
        let Some(pid) = pid else {
            return self.set_child(ChildState::Exited);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => self.start_with_pidfd(pidfd),
            Err(Errno::SRCH) => self.set_child(ChildState::Exited),
            // A filter forbids the call, the system is too old, or another thread has taken the last descriptor.
            Err(_) => {
                let process = ChildProcess::new(pid);
                self.set_child(ChildState::Checked(CheckedProcess::Pid(process)));
            }
        }
    }

    /// Starts to watch a child that is known by a pidfd.
    pub(crate) fn start_with_pidfd(&mut self, pidfd: OwnedFd) {
        // No timer is needed before the exit is seen, so its descriptor is closed: a child takes one descriptor for its
        // exit at a time. A timer that is a thread takes none and is kept.
        self.timer.take_if(|timer| timer.has_descriptor());
        self.set_child(ChildState::Unregistered(Arc::new(pidfd)));
    }

    /// Replaces the child, and begins a whole grace period for it.
    fn set_child(&mut self, child: ChildState) {
        self.child = child;
        self.grace = Grace::new(self.grace_period);
    }

    /// Ready if the grace period is over. The period begins when this method sees the exit.
    ///
    /// Returns an error if the exit cannot be found out any more. Without the error, the reader would wait for ever.
    pub(crate) fn poll_grace_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_exit(cx))?;
        // If the timer is refused from here on, the grace period ends early instead of never.
        let _over_or_refused = ready!(self.poll_grace(cx));
        Poll::Ready(Ok(()))
    }

    /// Sets whether the read after [`poll_grace_over`](Self::poll_grace_over) found nothing.
    pub(crate) fn set_idle(&mut self, is_idle: bool) {
        self.grace.set_idle(is_idle);
    }

    /// Returns whether the time since the last read counts as idle.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.grace.is_idle()
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.child = match &mut self.child {
                // Needs no waker: to name the child takes the reader, which is then polled again.
                ChildState::Unknown => return Poll::Pending,
                ChildState::Unregistered(pidfd) => match register(Arc::clone(pidfd)) {
                    Ok(registered) => ChildState::Registered(registered),
                    Err(_) => ChildState::Checked(CheckedProcess::Pidfd(Arc::clone(pidfd))),
                },
                // A pidfd stays readable after the exit, so there is no readiness to clear.
                ChildState::Registered(pidfd) => {
                    let _readable = ready!(pidfd.poll_read_ready(cx))?;
                    ChildState::Exited
                }
                ChildState::Checked(process) => {
                    let timer = get_or_open(&mut self.timer)?;
                    ready!(timer.poll_expired(cx))?;
                    if !process.has_exited()? {
                        timer.set(CHECK_INTERVAL)?;
                        continue;
                    }
                    ChildState::Exited
                }
                ChildState::Exited => return Poll::Ready(Ok(())),
            };
        }
    }

    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.grace.update(Instant::now()) {
            return Poll::Ready(Ok(()));
        }
        loop {
            // The pidfd is closed after the exit, which leaves a descriptor for the timer even at the limit of
            // descriptors.
            let timer = get_or_open(&mut self.timer)?;
            ready!(timer.poll_expired(cx))?;
            timer.set(self.grace.next_update())?;
        }
    }
}

impl CheckedProcess {
    fn has_exited(&self) -> io::Result<bool> {
        match self {
            Self::Pid(process) => Ok(process.has_exited()),
            Self::Pidfd(pidfd) => {
                let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
                let readable = retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))?;
                Ok(readable > 0)
            }
        }
    }
}

fn get_or_open(timer: &mut Option<Timer>) -> io::Result<&mut Timer> {
    Ok(match timer {
        Some(timer) => timer,
        None => timer.insert(Timer::open_or_start_thread()?),
    })
}
