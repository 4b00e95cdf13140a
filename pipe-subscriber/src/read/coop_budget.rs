//! When a reader that always has more yields its turn to the runtime.

use std::{
    pin::pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::task::yield_now;

/// The number of steps after which a burst ends.
const MAX_STEPS: u32 = 64;

/// The number of steps after which the clock is read again.
///
/// Reading it at each step would often take longer than the step. The stride begins at 1 and doubles up to this number,
/// so that a slow logger is noticed at its first step. It begins at 1 again after a burst that used up its time, after a
/// full yield, and after a wait.
const MAX_CLOCK_STRIDE: u32 = 8;

/// The time after which a burst ends.
const MAX_BURST: Duration = Duration::from_millis(1);

/// The number of steps after which the runtime has to poll I/O and timers too. Such a poll takes a microsecond or more,
/// so that it is not made after each burst.
const MAX_STEPS_WITHOUT_IO: u32 = 1024;

/// The time after which the runtime has to poll I/O and timers too. It is checked after a burst, which may take longer.
const MAX_TIME_WITHOUT_IO: Duration = Duration::from_micros(250);

/// Makes a task yield to the runtime's other tasks after 64 steps or 1 ms.
///
/// A step is a read, or a payload of any kind; long payloads count as several. Without the budget, a reader that always
/// has more would never release its worker thread.
///
/// The steps between two yields are a burst. There are two kinds of yield. A cheap one, after each burst, lets those
/// tasks run that are ready. A full one, after about 16 bursts or 250 us, also makes the runtime poll I/O and timers.
#[derive(Debug, Default)]
pub(crate) struct CoopBudget {
    burst_start: Option<Instant>,
    burst_steps: u32,
    /// The time from the start of the burst to the last reading of the clock.
    burst_time: Duration,
    /// The begin, and the number of steps, of the bursts since the last full yield.
    without_io_since: Option<Instant>,
    steps_without_io: u32,
    /// The number of steps at which the clock is read next.
    next_clock_check: u32,
    clock_stride: u32,
}

impl CoopBudget {
    /// Ready if there is budget for another step. Otherwise wakes the task, returns pending once, and renews the
    /// budget.
    ///
    /// The cheap yield wakes the task at once. The task is then in the runtime's queue again, after the tasks that are
    /// ready. tokio polls I/O and timers if its queue is empty, or else after 61 tasks. With this task always in the
    /// queue, tasks that wait for I/O or a timer would wait until then, for up to 61 bursts.
    ///
    /// So the full yield uses tokio's `yield_now`, which defers the wake until the runtime has polled I/O and timers.
    #[inline]
    pub(crate) fn poll_proceed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let burst_start = *self.burst_start.get_or_insert_with(Instant::now);
        let is_time_up = self.is_time_up(burst_start);
        if self.burst_steps < MAX_STEPS && !is_time_up {
            return Poll::Ready(());
        }
        let since = self.without_io_since.unwrap_or(burst_start);
        let time = burst_start + self.burst_time - since;
        let steps = self.steps_without_io.saturating_add(self.burst_steps);
        let stride = self.clock_stride;
        self.reset();
        if steps >= MAX_STEPS_WITHOUT_IO || time >= MAX_TIME_WITHOUT_IO {
            // The first poll of the future leaves the waker with the runtime. After that the future is not needed.
            return pin!(yield_now()).poll(cx);
        }
        (self.without_io_since, self.steps_without_io) = (Some(since), steps);
        if !is_time_up {
            self.next_clock_check = stride;
            self.clock_stride = stride;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Counts the steps up to the next reading of the clock, and returns their number, at least one. The caller may
    /// make as many before it asks [`poll_proceed`](Self::poll_proceed) again. If it makes fewer, they count
    /// nevertheless.
    #[inline]
    pub(crate) fn take_steps(&mut self) -> u32 {
        let next = self
            .next_clock_check
            .clamp(self.burst_steps + 1, MAX_STEPS.max(self.burst_steps + 1));
        let steps = next - self.burst_steps;
        self.burst_steps = next;
        steps
    }

    /// Returns whether the burst is over, for a reader that does not yield. The next one then begins.
    #[inline]
    pub(crate) fn is_over(&mut self) -> bool {
        let burst_start = *self.burst_start.get_or_insert_with(Instant::now);
        let is_over = self.is_time_up(burst_start) || self.burst_steps >= MAX_STEPS;
        if is_over {
            self.reset();
        }
        is_over
    }

    /// Counts a step.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.burst_steps = self.burst_steps.saturating_add(1);
    }

    /// Renews the budget. To be called if the task is about to wait, which lets all other tasks run.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Returns whether the burst has used up its time, as far as the clock was read.
    fn is_time_up(&mut self, burst_start: Instant) -> bool {
        if self.burst_steps == 0 || self.burst_steps < self.next_clock_check {
            return false;
        }
        self.burst_time = burst_start.elapsed();
        let Some(left) = MAX_BURST.checked_sub(self.burst_time) else {
            return true;
        };
        // The stride is no longer than the number of steps that fit into the time left, at the speed so far.
        // Both times are at most a millisecond, so that the nanoseconds fit.
        let step = (self.burst_time.subsec_nanos() / self.burst_steps).max(1);
        let longest = MAX_CLOCK_STRIDE.min(2 * self.clock_stride).max(1);
        self.clock_stride = (left.subsec_nanos() / step).clamp(1, longest);
        self.next_clock_check = self.burst_steps + self.clock_stride;
        false
    }
}
