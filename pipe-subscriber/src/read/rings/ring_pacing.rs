//! `RingPacing`: when the reader of a shared buffer looks at ticks instead of sleeping until a bell.

use std::time::{Duration, Instant};

use super::load;
use super::ticks::TICK;

/// Two looks of a buffer that found frames, and are closer than this, belong to the same streak.
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

/// What one look found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) frames: u32,
    pub(super) bytes: usize,
}

impl RingPacing {
    /// Notes a look that found frames. Returns whether the next ones are made at ticks.
    pub(super) fn on_frames(&mut self, found: Found, now: Instant) -> bool {
        let is_busy = load::add(found.frames, now);
        self.on_frames_under_load(found, now, is_busy)
    }

    fn on_frames_under_load(&mut self, found: Found, now: Instant, is_busy: bool) -> bool {
        let gap = self
            .last_frames
            .map(|last| now.saturating_duration_since(last));
        self.streak = match gap {
            Some(gap) if gap < STREAK_GAP => self.streak.saturating_add(1),
            _ => 0,
        };
        let has_many = found.bytes >= HOT_BYTES;
        self.is_hot |= self.streak >= HOT_STREAK || has_many;
        self.is_hot &= is_busy || has_many;
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

    const ONE: Found = Found {
        frames: 1,
        bytes: 200,
    };

    const MANY: Found = Found {
        frames: 20,
        bytes: HOT_BYTES,
    };

    /// After a streak of looks that found one record each.
    fn after_streak(begin: Instant, is_busy: bool) -> RingPacing {
        let mut pacing = RingPacing::default();
        for n in (0..=u64::from(HOT_STREAK)).rev() {
            pacing.on_frames_under_load(ONE, begin - micros(n * 150), is_busy);
        }
        pacing
    }

    #[test]
    fn records_that_come_one_by_one_cause_no_ticks() {
        let (mut pacing, begin) = (RingPacing::default(), Instant::now());
        for n in 0..100 {
            let now = begin + micros(n * 250);
            pacing.on_frames_under_load(ONE, now, true);
            assert!(!pacing.is_awake(now), "record {n}");
        }
    }

    #[test]
    fn many_bytes_or_frequent_records_cause_ticks_until_shortly_after_the_last() {
        let begin = Instant::now();
        let mut by_bytes = RingPacing::default();
        by_bytes.on_frames_under_load(MANY, begin, false);
        for mut pacing in [by_bytes, after_streak(begin, true)] {
            assert!(pacing.is_awake(begin));
            assert!(pacing.is_awake(begin + AWAKE - micros(1)));
            assert!(!pacing.is_awake(begin + AWAKE));
            // Sleeping is not undone by time alone, nor by a single record.
            pacing.on_frames_under_load(ONE, begin + AWAKE, true);
            assert!(!pacing.is_awake(begin + AWAKE));
        }
        assert!(AWAKE + TICK * 2 < Duration::from_millis(1));
    }

    #[test]
    fn frequent_records_cause_no_ticks_if_all_buffers_together_have_too_few() {
        let begin = Instant::now();
        assert!(!after_streak(begin, false).is_awake(begin));
        let mut awake = after_streak(begin, true);
        assert!(awake.is_awake(begin));
        awake.on_frames_under_load(ONE, begin + micros(100), false);
        assert!(!awake.is_awake(begin + micros(100)));
    }
}
