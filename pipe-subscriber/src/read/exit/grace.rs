//! The clock of a grace period.

use std::time::{Duration, Instant};

/// The limit of all time after the exit, as a multiple of the grace period.
const TOTAL_FACTOR: u32 = 10;

/// The longest time between two polls that counts in full. If more has passed, the program was probably stopped.
const MAX_STEP: Duration = Duration::from_millis(100);

/// How much is left of a grace period.
///
/// It has two limits. The idle limit counts only time in which the reader had nothing to read, so that a parent that
/// cannot read because its logger blocks does not use up the period. The total limit, which is ten times as long,
/// counts all time, so that a writer that never stops does not keep the reader for ever.
#[derive(Debug)]
pub(crate) struct Grace {
    idle_left: Duration,
    total_left: Duration,
    /// The most that a single update takes from `idle_left`, and the time until the next update. It is a tenth of the
    /// period, so that a single stop of the program while there was nothing to read cannot use up the whole period,
    /// however short it is.
    max_idle_step: Duration,
    /// The most that a single update takes from `total_left`.
    max_total_step: Duration,
    last_update: Option<Instant>,
    /// Whether the read after the last update found nothing.
    is_idle: bool,
}

impl Grace {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            idle_left: grace,
            total_left: grace.saturating_mul(TOTAL_FACTOR),
            max_idle_step: (grace / 10).clamp(Duration::from_nanos(1), MAX_STEP),
            max_total_step: grace.min(MAX_STEP),
            last_update: None,
            is_idle: false,
        }
    }

    /// Counts the time since the last update, and returns whether the grace period is over. The period begins at the
    /// first update. To be called before each read.
    pub(crate) fn update(&mut self, now: Instant) -> bool {
        let last_update = self.last_update.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(last_update);
        let counted = passed.min(self.max_total_step);
        self.total_left = self.total_left.saturating_sub(counted);
        if self.is_idle {
            self.idle_left = self
                .idle_left
                .saturating_sub(passed.min(self.max_idle_step));
        }
        self.idle_left.is_zero() || self.total_left.is_zero()
    }

    /// Sets whether the read after the update found nothing.
    pub(crate) fn set_idle(&mut self, is_idle: bool) {
        self.is_idle = is_idle;
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Returns the time until the next update, if nothing comes to read before.
    pub(crate) fn next_update(&self) -> Duration {
        self.max_idle_step.min(self.idle_left)
    }
}

#[cfg(test)]
mod tests;
