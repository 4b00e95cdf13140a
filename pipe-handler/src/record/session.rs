use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::sys::{AtomicU64, process};

/// How far a process is with saying hello on its pipe.
///
/// The hello must be in the pipe before any record of the process, and a forked child has to say its own. The phase
/// and the process it holds for are one word, so that the check which every record makes is one load.
#[derive(Debug)]
pub(crate) struct Session {
    word: AtomicU64,
    /// Drawn for this handler in this process.
    instance: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The caller has to say hello, and then to tell how it went. `forked`: the process has not even begun.
    Due { forked: bool },
    /// Another thread is saying hello.
    Busy,
    /// Another thread is about to, and has only to set the counters of a forked child to zero first: a moment.
    Resetting,
    /// Records may be written.
    Open,
    /// Nobody reads any more.
    Gone,
}

const DUE: u64 = 0;
const BUSY: u64 = 1;
const OPEN: u64 = 2;
const GONE: u64 = 3;
const RESETTING: u64 = 4;
/// The bits of a phase.
const PHASE: u64 = (1 << process::UNUSED_BITS) - 1;

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(word(DUE)),
            instance: AtomicU32::new(new_instance()),
        }
    }

    /// What tells this session from all others on the pipe; after it has begun in this process.
    pub(crate) fn instance(&self) -> u32 {
        self.instance.load(Relaxed)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.word.load(Acquire) == word(OPEN)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.word.load(Relaxed) & PHASE == GONE
    }

    /// The phase; whoever is told that the hello is due must say it.
    pub(crate) fn begin(&self) -> Phase {
        let found = self.word.load(Acquire);
        let forked = found | PHASE != word(PHASE);
        let next = match found & PHASE {
            GONE => return Phase::Gone,
            _ if forked => RESETTING,
            OPEN => return Phase::Open,
            BUSY => return Phase::Busy,
            RESETTING => return Phase::Resetting,
            _ => BUSY,
        };
        match self
            .word
            .compare_exchange(found, word(next), Acquire, Relaxed)
        {
            Ok(_) => Phase::Due { forked },
            Err(_) => Phase::Resetting,
        }
    }

    /// Whether this very process has still to say hello.
    pub(crate) fn is_due(&self) -> bool {
        self.word.load(Acquire) == word(DUE)
    }

    /// Whether a thread of this very process is saying hello.
    pub(crate) fn is_busy(&self) -> bool {
        let found = self.word.load(Acquire);
        found == word(BUSY) || found == word(RESETTING)
    }

    /// The counters are at zero: a new session begins.
    pub(crate) fn reset(&self) {
        self.instance.store(new_instance(), Relaxed);
        self.word.store(word(BUSY), Release);
    }

    /// This process is about to become another program. Should that fail, it begins anew.
    pub(crate) fn forget(&self) {
        self.word.store(DUE, Release);
    }

    pub(crate) fn mark_open(&self) {
        self.word.store(word(OPEN), Release);
    }

    pub(crate) fn retry_later(&self) {
        self.word.store(word(DUE), Release);
    }

    pub(crate) fn mark_reader_gone(&self) {
        self.word.store(word(GONE), Release);
    }
}

fn new_instance() -> u32 {
    process::random() as u32
}

fn word(phase: u64) -> u64 {
    process::generation() | phase
}
