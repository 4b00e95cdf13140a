use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// How many steps a burst may have.
const MAX_STEPS: u32 = 64;

/// How long a burst may last.
const MAX_BURST: Duration = Duration::from_millis(1);

/// Gives the runtime's other tasks their turn: after 64 steps or 1 ms without a pause, there is one.
///
/// A reader that always has more would otherwise never let go of its worker.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    burst: Option<Instant>,
    steps: u32,
}

impl Pace {
    /// Ready for one more step; pending once, and woken at once, where a pause is due.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let burst = *self.burst.get_or_insert_with(Instant::now);
        if self.steps >= MAX_STEPS || (self.steps > 0 && burst.elapsed() >= MAX_BURST) {
            self.pause();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.steps += 1;
        Poll::Ready(())
    }

    /// Others have had their turn.
    pub(crate) fn pause(&mut self) {
        *self = Self::default();
    }
}
