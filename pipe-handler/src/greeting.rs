use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::process;

/// How far a process is with saying hello on its pipe.
///
/// The hello must be in the pipe before any record of the process, and a forked child has to say its own. The phase
/// and the process it holds for are one word, so that the check which every record makes is one load.
#[derive(Debug)]
pub(crate) struct Greeting(AtomicU64);

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
const PHASE: u64 = 7;

impl Greeting {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(word(DUE)))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Acquire) == word(OPEN)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.load(Relaxed) & PHASE == GONE
    }

    /// The phase; whoever is told that the hello is due must say it.
    pub(crate) fn begin(&self) -> Phase {
        let found = self.0.load(Acquire);
        let forked = found | PHASE != word(PHASE);
        let next = match found & PHASE {
            GONE => return Phase::Gone,
            _ if forked => RESETTING,
            OPEN => return Phase::Open,
            BUSY => return Phase::Busy,
            RESETTING => return Phase::Resetting,
            _ => BUSY,
        };
        match self.0.compare_exchange(found, word(next), Acquire, Relaxed) {
            Ok(_) => Phase::Due { forked },
            Err(_) => Phase::Resetting,
        }
    }

    /// Whether this very process has still to say hello.
    pub(crate) fn is_due(&self) -> bool {
        self.0.load(Acquire) == word(DUE)
    }

    /// Whether a thread of this very process is saying hello.
    pub(crate) fn is_busy(&self) -> bool {
        let found = self.0.load(Acquire);
        found == word(BUSY) || found == word(RESETTING)
    }

    /// The counters are at zero.
    pub(crate) fn reset(&self) {
        self.0.store(word(BUSY), Release);
    }

    /// This process is about to become another program. Should that fail, it begins anew.
    pub(crate) fn forget(&self) {
        self.0.store(DUE, Release);
    }

    pub(crate) fn said(&self) {
        self.0.store(word(OPEN), Release);
    }

    pub(crate) fn put_off(&self) {
        self.0.store(word(DUE), Release);
    }

    pub(crate) fn gone(&self) {
        self.0.store(word(GONE), Release);
    }
}

fn word(phase: u64) -> u64 {
    u64::from(process::id()) << 3 | phase
}
