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

use super::child_process::Process;
use super::grace::Grace;
use crate::sys::{Timer, register};

/// How often it is asked after a child whose exit the system does not tell.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// Tells when the grace period after a child's exit is over.
#[derive(Debug)]
pub(crate) struct ExitWatch {
    child: Child,
    /// None where it would take a descriptor and is not needed yet.
    timer: Option<Timer>,
    grace: Grace,
}

#[derive(Debug)]
enum Child {
    /// Registered with a runtime at the first poll only.
    Opened(Arc<OwnedFd>),
    /// The descriptor of a process is readable once it has exited, whoever waits for it.
    Registered(AsyncFd<Arc<OwnedFd>>),
    /// What cannot be registered is asked for once in a while.
    Asked(Subject),
    Exited,
}

#[derive(Debug)]
enum Subject {
    Pidfd(Arc<OwnedFd>),
    Process(Process),
}

impl ExitWatch {
    /// Before the child is there: what will be needed for it is tried, so that the spawn fails and not the watch.
    pub(crate) fn new(grace: Duration) -> io::Result<Option<Self>> {
        Ok(Some(Self {
            child: Child::Exited,
            timer: Some(Timer::open()?),
            grace: Grace::new(grace),
        }))
    }

    /// Watches a child that was started just now.
    pub(crate) fn begin(&mut self, pid: Option<u32>) {
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        // One that somebody has waited for already is none any more.
        let Some(pid) = pid else { return };
        self.child = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => {
                self.timer.take_if(|timer| timer.has_descriptor());
                Child::Opened(Arc::new(pidfd))
            }
            Err(Errno::SRCH) => Child::Exited,
            // It is forbidden, the system is too old, or another thread has taken the last descriptor.
            Err(_) => Child::Asked(Subject::Process(Process::new(pid))),
        };
    }

    /// Ready once the grace period is over. It begins when this sees the exit.
    ///
    /// Where nothing can tell the exit any more, that is an error: a wait without an end would be worse.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_exit(cx))?;
        // What is refused from here on ends the grace period.
        let _over_or_refused = ready!(self.poll_grace(cx));
        Poll::Ready(Ok(()))
    }

    /// Takes in what came of the read behind [`poll_over`](Self::poll_over).
    pub(crate) fn found(&mut self, nothing: bool) {
        self.grace.found(nothing);
    }

    fn poll_exit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.child = match &mut self.child {
                Child::Opened(pidfd) => match register(Arc::clone(pidfd)) {
                    Ok(registered) => Child::Registered(registered),
                    Err(_) => Child::Asked(Subject::Pidfd(Arc::clone(pidfd))),
                },
                // It is readable once and then for ever: there is nothing to clear.
                Child::Registered(pidfd) => {
                    let _readable = ready!(pidfd.poll_read_ready(cx))?;
                    Child::Exited
                }
                Child::Asked(subject) => {
                    let timer = opened(&mut self.timer)?;
                    ready!(timer.poll_over(cx))?;
                    if !subject.has_exited()? {
                        timer.set(ASKED_EVERY)?;
                        continue;
                    }
                    Child::Exited
                }
                Child::Exited => return Poll::Ready(Ok(())),
            };
        }
    }

    fn poll_grace(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.grace.look(Instant::now()) {
            return Poll::Ready(Ok(()));
        }
        loop {
            // The descriptor of the process is gone by now: it may be the last that there is for the timer.
            let timer = opened(&mut self.timer)?;
            ready!(timer.poll_over(cx))?;
            timer.set(self.grace.next_look())?;
        }
    }
}

impl Subject {
    fn has_exited(&self) -> io::Result<bool> {
        match self {
            Self::Process(process) => Ok(process.has_exited()),
            Self::Pidfd(pidfd) => {
                let mut polled = [PollFd::new(pidfd, PollFlags::IN)];
                let readable = retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))?;
                Ok(readable > 0)
            }
        }
    }
}

fn opened(timer: &mut Option<Timer>) -> io::Result<&mut Timer> {
    Ok(match timer {
        Some(timer) => timer,
        None => timer.insert(Timer::open_somehow()?),
    })
}
