//! The load: how many frames come out of all buffers of this process, which one tick serves together.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::ticks::TICK;

/// The time over which frames are counted.
const WINDOW: Duration = TICK.saturating_mul(4);

/// The number of frames in the time of a tick from which on ticks cost less than bells. A tick wakes a processor that
/// sleeps, and costs about as much as four bells, whose writers keep a processor awake.
const WORTH_A_TICK: u128 = 4;

static LOAD: Mutex<Load> = Mutex::new(Load::NONE);

/// Counts frames that a look found. Returns whether there are enough of them for ticks.
pub(super) fn add(frames: u32, now: Instant) -> bool {
    let mut load = LOAD.lock().unwrap_or_else(PoisonError::into_inner);
    load.add(frames, now)
}

/// The frames since a window began, and whether the window before it was busy.
#[derive(Debug)]
struct Load {
    begin: Option<Instant>,
    frames: u32,
    is_busy: bool,
}

impl Load {
    const NONE: Self = Self {
        begin: None,
        frames: 0,
        is_busy: false,
    };

    fn add(&mut self, frames: u32, now: Instant) -> bool {
        let begin = *self.begin.get_or_insert(now);
        let passed = now.saturating_duration_since(begin);
        self.frames = self.frames.saturating_add(frames);
        if passed >= WINDOW {
            let per_tick = u128::from(self.frames) * TICK.as_nanos() / passed.as_nanos();
            self.is_busy = per_tick >= WORTH_A_TICK;
            (self.begin, self.frames) = (Some(now), 0);
        }
        self.is_busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one frame at each of these distances for some windows. Returns whether that is a load for ticks.
    fn is_busy(load: &mut Load, begin: Instant, distance: Duration) -> bool {
        let mut busy = false;
        for n in 0..1000 {
            busy = load.add(1, begin + distance * n);
        }
        busy
    }

    #[test]
    fn ticks_are_worth_it_from_a_few_frames_each_on() {
        let mut load = Load::NONE;
        let begin = Instant::now();
        for (distance, expected) in [(100, false), (10, true), (50, false), (20, true)] {
            let distance = Duration::from_micros(distance);
            assert_eq!(
                is_busy(&mut load, begin, distance),
                expected,
                "{distance:?}"
            );
            load.begin = None;
        }
    }

    #[test]
    fn one_burst_after_silence_is_no_load() {
        let mut load = Load {
            is_busy: true,
            ..Load::NONE
        };
        let begin = Instant::now();
        load.add(1, begin);
        assert!(!load.add(20, begin + Duration::from_secs(1)));
    }
}
