use std::{
    pin::pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::task::yield_now;

/// How many steps a burst may have.
const MAX_STEPS: u32 = 64;

/// How many steps may pass without a look at the clock.
///
/// A step often takes less time than that. The steps double up to here, so that after each pause a slow logger is
/// known for one at once.
const MAX_STRIDE: u32 = 8;

/// How long a burst may last.
const MAX_BURST: Duration = Duration::from_millis(1);

/// After so many steps the runtime is to look for I/O and timers, too. Each look takes it a microsecond or more.
const MAX_STEPS_BLIND: u32 = 1024;

/// And after so long. A single burst may last longer.
const MAX_BLIND: Duration = Duration::from_micros(250);

/// Gives the runtime's other tasks their turn: after 64 steps or 1 ms without a pause, there is one.
///
/// A step is whatever takes time: a read, and a payload of any kind. A reader that always has more would otherwise
/// never let go of its worker.
#[derive(Debug, Default)]
pub(crate) struct CoopBudget {
    burst: Option<Instant>,
    steps: u32,
    /// Since when, and for how many steps, the runtime has not looked for I/O and timers.
    blind_since: Option<Instant>,
    blind_steps: u32,
    /// The number of steps at which the clock is looked at next.
    next_look: u32,
}

impl CoopBudget {
    /// Ready for more steps; pending once if a pause is due.
    ///
    /// A task that wakes itself is in the runtime's queue again at once: those that are ready have their turn, and those
    /// that wait for I/O or a timer only after the runtime has polled 61 tasks. So once in a while the task is woken as by
    /// tokio's `yield_now`, after the runtime has looked for these.
    #[inline]
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let burst = *self.burst.get_or_insert_with(Instant::now);
        if self.steps < MAX_STEPS && !self.is_over(burst) {
            return Poll::Ready(());
        }
        let blind_since = self.blind_since.unwrap_or(burst);
        let blind_steps = self.blind_steps.saturating_add(self.steps);
        self.pause();
        if blind_steps >= MAX_STEPS_BLIND || blind_since.elapsed() >= MAX_BLIND {
            // Its first poll leaves the waker with the runtime, and that is all that it is needed for.
            return pin!(yield_now()).poll(cx);
        }
        (self.blind_since, self.blind_steps) = (Some(blind_since), blind_steps);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One step was made.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.steps = self.steps.saturating_add(1);
    }

    /// Others have their turn, whatever they wait for.
    pub(crate) fn pause(&mut self) {
        *self = Self::default();
    }

    fn is_over(&mut self, burst: Instant) -> bool {
        if self.steps == 0 || self.steps < self.next_look {
            return false;
        }
        let elapsed = burst.elapsed();
        let Some(left) = MAX_BURST.checked_sub(elapsed) else {
            return true;
        };
        // No step beyond those that there is time for, if they go on as they did.
        let in_time = left.as_nanos() * u128::from(self.steps) / elapsed.as_nanos().max(1);
        let stride = in_time.clamp(1, MAX_STRIDE.min(self.steps).into()) as u32;
        self.next_look = self.steps + stride;
        false
    }
}
