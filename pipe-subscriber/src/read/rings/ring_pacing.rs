//! `RingPacing`: when the reader of a shared buffer looks at ticks instead of sleeping until a bell.

use std::time::{Duration, Instant};

/// The time between two ticks.
pub(super) const TICK: Duration = Duration::from_micros(100);

/// Two looks that found frames, and are closer than this, belong to the same streak. A bell wakes both processes, which
/// costs about as much as two ticks.
const STREAK_GAP: Duration = TICK.saturating_mul(2);

/// The length of a streak from which on looks are made at ticks.
const HOT_STREAK: u32 = 4;

/// The bytes of a single look from which on looks are made at ticks: so much means that writers went on while the reader
/// was being woken.
const HOT_BYTES: usize = 4 * 1024;

/// How long after the last frames the reader goes on looking at ticks. The last tick is one period later, which is
/// less than a millisecond after the last frame.
const AWAKE: Duration = TICK.saturating_mul(4);

/// Decides from the looks that found frames whether the next one is made at a tick.
#[derive(Debug, Default)]
pub(super) struct RingPacing {
    last_frames: Option<Instant>,
    streak: u32,
    is_hot: bool,
}

impl RingPacing {
    /// Notes that a look found so many bytes. Returns whether the next ones are made at ticks.
    pub(super) fn on_frames(&mut self, bytes: usize, now: Instant) -> bool {
        let gap = self
            .last_frames
            .map(|last| now.saturating_duration_since(last));
        self.streak = match gap {
            Some(gap) if gap < STREAK_GAP => self.streak.saturating_add(1),
            _ => 0,
        };
        self.is_hot |= self.streak >= HOT_STREAK || bytes >= HOT_BYTES;
        self.last_frames = Some(now);
        self.is_hot
    }

    /// Returns whether to look at the next tick. Otherwise the reader sleeps.
    pub(super) fn is_awake(&mut self, now: Instant) -> bool {
        let is_recent = self
            .last_frames
            .is_some_and(|last| now.saturating_duration_since(last) < AWAKE);
        self.is_hot &= is_recent;
        self.is_hot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn records_that_come_one_by_one_cause_no_ticks() {
        let (mut pacing, begin) = (RingPacing::default(), Instant::now());
        for n in 0..100 {
            let now = begin + micros(n * 250);
            pacing.on_frames(200, now);
            assert!(!pacing.is_awake(now), "record {n}");
        }
    }

    #[test]
    fn many_bytes_or_frequent_records_cause_ticks_until_shortly_after_the_last() {
        let begin = Instant::now();
        let mut by_bytes = RingPacing::default();
        by_bytes.on_frames(HOT_BYTES, begin);
        let mut by_streak = RingPacing::default();
        for n in (0..=u64::from(HOT_STREAK)).rev() {
            by_streak.on_frames(200, begin - micros(n * 150));
        }
        for mut pacing in [by_bytes, by_streak] {
            assert!(pacing.is_awake(begin));
            assert!(pacing.is_awake(begin + AWAKE - micros(1)));
            assert!(!pacing.is_awake(begin + AWAKE));
            // Sleeping is not undone by time alone, nor by a single record.
            pacing.on_frames(200, begin + AWAKE);
            assert!(!pacing.is_awake(begin + AWAKE));
        }
        assert!(AWAKE + TICK * 2 < Duration::from_millis(1));
    }
}
