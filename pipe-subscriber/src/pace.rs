use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// How many steps a burst may have.
const MAX_STEPS: u32 = 64;

/// How many steps may pass without a look at the clock.
///
/// A step often takes less time than that. The steps double up to here, so that behind each pause a slow logger is
/// known for one at once.
const MAX_STRIDE: u32 = 8;

/// How long a burst may last.
const MAX_BURST: Duration = Duration::from_millis(1);

/// Gives the runtime's other tasks their turn: after 64 steps or 1 ms without a pause, there is one.
///
/// A reader that always has more would otherwise never let go of its worker.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    burst: Option<Instant>,
    steps: u32,
    /// The number of steps at which the clock is looked at next.
    next_look: u32,
}

impl Pace {
    /// Ready for one more step; pending once, and woken at once, where a pause is due.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let burst = *self.burst.get_or_insert_with(Instant::now);
        if self.steps >= MAX_STEPS || self.is_over(burst) {
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

    fn is_over(&mut self, burst: Instant) -> bool {
        if self.steps == 0 || self.steps < self.next_look {
            return false;
        }
        self.next_look = self.steps + self.steps.min(MAX_STRIDE);
        burst.elapsed() >= MAX_BURST
    }
}
