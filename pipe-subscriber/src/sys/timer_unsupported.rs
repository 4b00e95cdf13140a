//! The interface of `timer` on systems other than Linux: always a thread.

use std::{
    io,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::thread_timer::ThreadTimer;

/// A timer that expires once and can be set again.
#[derive(Debug)]
pub(crate) struct Timer(ThreadTimer);

impl Timer {
    pub(crate) fn open_or_start_thread() -> io::Result<Self> {
        ThreadTimer::start().map(Self)
    }

    pub(crate) fn set(&mut self, after: Duration) -> io::Result<()> {
        self.0.set(Instant::now() + after)
    }

    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(cx).map(Ok)
    }
}
