//! Three clocks: one that two processes share, one that stands still while other programs have the processor, and one
//! cheap enough to stand on both sides of a log call.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::reference::FIRST_JOB;

/// Nanoseconds of the system's monotonic clock, the same in all processes.
pub fn monotonic() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// Nanoseconds of CPU time that each of so many calls takes. They are numbered as jobs.
pub fn each(count: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = read(ClockId::CLOCK_THREAD_CPUTIME_ID);
    for job in 0..count {
        call(FIRST_JOB + job);
    }
    (read(ClockId::CLOCK_THREAD_CPUTIME_ID) - start) as f64 / count as f64
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Measures single calls.
#[derive(Clone, Copy)]
pub struct Stopwatch {
    nanos_per_tick: f64,
    /// What two stamps next to each other differ by.
    own_ticks: u64,
}

impl Stopwatch {
    pub fn new() -> Self {
        let mut gaps: Vec<u64> = (0..10_001).map(|_| stamp().abs_diff(stamp())).collect();
        gaps.sort_unstable();
        Self {
            nanos_per_tick: nanos_per_tick(),
            own_ticks: gaps[gaps.len() / 2],
        }
    }

    /// How many ticks `call` takes, those of the stopwatch not counted.
    pub fn time(self, call: impl FnOnce()) -> u64 {
        let start = stamp();
        call();
        (stamp() - start).saturating_sub(self.own_ticks)
    }

    pub fn nanos(self, ticks: u64) -> f64 {
        ticks as f64 * self.nanos_per_tick
    }
}

fn nanos_per_tick() -> f64 {
    let (start, ticks) = (Instant::now(), stamp());
    while start.elapsed() < Duration::from_millis(20) {
        std::hint::spin_loop();
    }
    start.elapsed().as_nanos() as f64 / (stamp() - ticks) as f64
}

/// The time stamp counter, which waits for the instructions before it.
#[cfg(target_arch = "x86_64")]
fn stamp() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: Both instructions belong to every processor of this architecture.
    unsafe {
        _mm_lfence();
        _rdtsc()
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn stamp() -> u64 {
    monotonic()
}
