//! `Claim`: the level of a bound handler, which counts towards log's global level.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use log::LevelFilter;
use once_cell::race::OnceBox;

use super::fork_mutex::ForkMutex;
use crate::sys::process;

/// Whether a dispatcher is the process's logger. Before that, the global level belongs to another logger.
static OWNS_GLOBAL_LEVEL: AtomicBool = AtomicBool::new(false);

/// How many handlers are bound with each level.
#[derive(Debug)]
struct Levels {
    counts: [usize; 6],
    /// The level of the handlers that were bound before this process was forked. They are not counted here.
    inherited: LevelFilter,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            counts: [0; 6],
            inherited: match OWNS_GLOBAL_LEVEL.load(Relaxed) {
                true => log::max_level(),
                false => LevelFilter::Off,
            },
        }
    }
}

fn levels() -> &'static ForkMutex<Levels> {
    static LEVELS: OnceBox<ForkMutex<Levels>> = OnceBox::new();
    LEVELS.get_or_init(Box::default)
}

impl Levels {
    /// Call it under the lock, so that the levels of two changes are not set in the wrong order.
    fn set_global(&self) {
        if OWNS_GLOBAL_LEVEL.load(Relaxed) {
            let bound = LevelFilter::iter().filter(|&level| self.counts[level as usize] > 0);
            let highest = bound.max().unwrap_or(LevelFilter::Off);
            log::set_max_level(highest.max(self.inherited));
        }
    }
}

/// Lets the global level belong to a dispatcher, with this level at least.
pub(super) fn own_global_level(least: LevelFilter) {
    // The lock is taken first: the value is made before the dispatcher owns the level.
    let mut levels = levels().lock();
    OWNS_GLOBAL_LEVEL.store(true, Relaxed);
    levels.counts[least as usize] += 1;
    levels.set_global();
}

/// The level of a handler, as long as it is bound. The global level is the highest of them.
#[derive(Debug)]
pub(super) struct Claim {
    level: LevelFilter,
    process: u64,
}

impl Claim {
    pub(super) fn new(level: LevelFilter) -> Self {
        let mut levels = levels().lock();
        levels.counts[level as usize] += 1;
        levels.set_global();
        Self {
            level,
            process: process::generation(),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Those of the process that this one was forked from are not counted here.
        if self.process == process::generation() {
            let mut levels = levels().lock();
            levels.counts[self.level as usize] -= 1;
            levels.set_global();
        }
    }
}
