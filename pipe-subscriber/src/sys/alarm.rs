//! `Alarm`: wakes a task at a time.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Instant,
};

use super::timer::Timer;

/// Wakes a task at a time. It takes a descriptor, or a thread, from its first use on.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    timer: Option<Timer>,
    set_for: Option<Instant>,
}

impl Alarm {
    /// Ready if `due` has passed. Otherwise the task is woken at `due`, which replaces an earlier time.
    ///
    /// Returns an error if the system refuses every timer.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<io::Result<()>> {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.set_for = None;
                return Poll::Ready(Ok(()));
            }
            let timer = match &mut self.timer {
                Some(timer) => timer,
                None => self.timer.insert(Timer::open_or_start_thread()?),
            };
            if self.set_for != Some(due) {
                timer.set(left)?;
                self.set_for = Some(due);
            }
            ready!(timer.poll_expired(cx))?;
            // A timer may expire too early; then it is set again.
            self.set_for = None;
        }
    }
}
