use std::{
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustix::{
    process::{Pid, PidfdFlags, pidfd_open},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::io::unix::AsyncFd;

use crate::registration::register;

/// Tells when a grace period has passed since a child's exit.
#[derive(Debug)]
pub(crate) struct ExitWatch {
    grace: Duration,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Registered with a runtime at the first poll only.
    Opened(Option<OwnedFd>),
    /// The descriptor of a process is readable once it has exited, whoever waits for it.
    Running(AsyncFd<OwnedFd>),
    /// The timer is readable once the grace period has passed.
    Exited(AsyncFd<OwnedFd>),
    Expired,
    /// The system refused something: nobody will know.
    Blind,
}

impl ExitWatch {
    /// Watches a child that nobody has waited for yet; `None` where the system cannot.
    pub(crate) fn open(pid: u32, grace: Duration) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        Some(Self {
            grace,
            phase: Phase::Opened(Some(pidfd)),
        })
    }

    /// Ready once the child's exit is as long ago as the grace period.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match &mut self.phase {
                Phase::Opened(pidfd) => try_register(pidfd.take()).map(Phase::Running),
                Phase::Running(pidfd) => ready!(poll_readable(pidfd, cx)).and_then(|()| {
                    // The process's descriptor goes first: it may be the last that there is for the timer.
                    self.phase = Phase::Blind;
                    try_register(timer(self.grace).ok()).map(Phase::Exited)
                }),
                Phase::Exited(timer) => ready!(poll_readable(timer, cx)).map(|()| Phase::Expired),
                Phase::Expired => return Poll::Ready(()),
                Phase::Blind => return Poll::Pending,
            };
            self.phase = next.unwrap_or(Phase::Blind);
        }
    }
}

fn try_register(fd: Option<OwnedFd>) -> Option<AsyncFd<OwnedFd>> {
    register(fd?).ok()
}

fn poll_readable(fd: &AsyncFd<OwnedFd>, cx: &mut Context<'_>) -> Poll<Option<()>> {
    // Each is readable once and then for ever: there is nothing to clear.
    fd.poll_read_ready(cx).map(|ready| ready.ok().map(drop))
}

/// A timer that begins now.
fn timer(grace: Duration) -> io::Result<OwnedFd> {
    let timer = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
    )?;
    // Zero would switch it off.
    let grace = grace.max(Duration::from_nanos(1));
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec {
            tv_sec: i64::try_from(grace.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: grace.subsec_nanos().into(),
        },
    };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
    Ok(timer)
}
