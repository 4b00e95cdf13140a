//! One combination of the settings that may matter, and how it is drawn.

use std::{sync::LazyLock, time::Duration};

use log::Level;
use pipe_handler::{Builder, Overflow, PipeHandler};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::support::pattern;

/// Returns the text of the `n`th record of a thread.
pub(super) fn text(n: usize, size: usize) -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| pattern(50_000, 0));
    &TEXT[n % 23..][..size]
}

/// One combination of the settings that may matter.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) overflow: Overflow,
    pub(super) exempt: Option<Level>,
    /// The size of the pipe in bytes; the system rounds it up.
    pub(super) pipe: usize,
    pub(super) threads: usize,
    /// The level and length of each record that each thread logs.
    pub(super) records: Vec<(Level, usize)>,
    pub(super) stalls: Vec<Stall>,
    /// Whether there is a flush before the handler goes.
    pub(super) flush: bool,
}

/// The reader waits until so many more log calls have returned, and then reads so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    pub(super) calls: u64,
    pub(super) bytes: usize,
}

impl Case {
    pub(super) fn builder(&self) -> Builder {
        let builder = PipeHandler::builder()
            .filter("trace")
            .overflow(self.overflow)
            .panic_hook(false)
            .exit_timeout(Duration::from_secs(1_000));
        match self.exempt {
            Some(level) => builder.exempt(level),
            None => builder,
        }
    }

    /// Whether a log call may wait until somebody reads.
    pub(super) fn may_wait_for_ever(&self) -> bool {
        self.overflow == Overflow::Block || self.exempt.is_some()
    }

    pub(super) fn is_exempt(&self, level: Level) -> bool {
        self.overflow == Overflow::Block || self.exempt.is_some_and(|least| level <= least)
    }
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let overflow = select(vec![
        Overflow::Block,
        Overflow::BlockFor(Duration::from_micros(100)),
        Overflow::BlockFor(Duration::from_millis(1)),
        Overflow::DropNewest,
        Overflow::DropNewest,
    ]);
    let exempt = select(vec![
        None,
        None,
        Some(Level::Error),
        Some(Level::Info),
        Some(Level::Trace),
    ]);
    let pipe = select(vec![4_096, 16_384, 65_536]);
    let level = select(Level::iter().collect::<Vec<_>>());
    // Small records, records about the size of a frame, and records of several frames.
    let size = select(vec![0, 60, 200, 1_000, 3_950, 4_020, 4_096, 9_000, 40_000]);
    let records = vec((level, size), 1..150);
    let stall = (0..60_u64, 1..100_000_usize).prop_map(|(calls, bytes)| Stall { calls, bytes });
    let fields = (
        overflow,
        exempt,
        pipe,
        1..4_usize,
        records,
        vec(stall, 0..12),
        any::<bool>(),
    );
    fields.prop_map(
        |(overflow, exempt, pipe, threads, records, stalls, flush)| Case {
            overflow,
            exempt,
            pipe,
            threads,
            records,
            stalls,
            flush,
        },
    )
}
