use std::time::{Duration, Instant};

/// A grace period in all is so many times as long.
const IN_ALL: u32 = 10;

/// The most that counts of the time between two looks at the pipe: the program may have stood still.
const MAX_STEP: Duration = Duration::from_millis(100);

/// How much is left of a grace period.
///
/// It counts the time in which the reader had nothing to read, so that a parent that does not come to read, because its
/// logger stands still, does not use it up. All other time counts against a longer one: a writer that never stops does
/// not keep the reader for ever.
#[derive(Debug)]
pub(crate) struct Grace {
    left: Duration,
    left_in_all: Duration,
    /// The most that counts of it at once, and when to look again: however short the grace period is, a single stop of
    /// the program while there was nothing to read is not all of it.
    step: Duration,
    /// The same for all of the time.
    step_in_all: Duration,
    last_look: Option<Instant>,
    /// Whether there was nothing to read at the last look.
    idle: bool,
}

impl Grace {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            left: grace,
            left_in_all: grace.saturating_mul(IN_ALL),
            step: (grace / 10).clamp(Duration::from_nanos(1), MAX_STEP),
            step_in_all: grace.min(MAX_STEP),
            last_look: None,
            idle: false,
        }
    }

    /// Takes in that the reader is about to look; whether the grace period is over. It begins with the first look.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let last_look = self.last_look.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(last_look);
        let counted = passed.min(self.step_in_all);
        self.left_in_all = self.left_in_all.saturating_sub(counted);
        if self.idle {
            self.left = self.left.saturating_sub(passed.min(self.step));
        }
        self.left.is_zero() || self.left_in_all.is_zero()
    }

    /// Takes in what the look has shown.
    pub(crate) fn found(&mut self, nothing: bool) {
        self.idle = nothing;
    }

    /// When to look again if nothing comes.
    pub(crate) fn next_look(&self) -> Duration {
        self.step.min(self.left)
    }
}

#[cfg(test)]
mod tests;
