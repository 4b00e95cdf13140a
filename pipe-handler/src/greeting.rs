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
    /// Records may be written.
    Open,
    /// Nobody reads any more.
    Gone,
}

const DUE: u64 = 0;
const BUSY: u64 = 1;
const OPEN: u64 = 2;
const GONE: u64 = 3;

impl Greeting {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(word(DUE)))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Acquire) == word(OPEN)
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.load(Relaxed) & 3 == GONE
    }

    /// The phase; whoever is told that the hello is due must say it.
    pub(crate) fn begin(&self) -> Phase {
        let found = self.0.load(Acquire);
        if found & 3 == GONE {
            return Phase::Gone;
        }
        let forked = found | 3 != word(3);
        match found & 3 {
            OPEN if !forked => return Phase::Open,
            BUSY if !forked => return Phase::Busy,
            _ => {}
        }
        match self.0.compare_exchange(found, word(BUSY), Acquire, Relaxed) {
            Ok(_) => Phase::Due { forked },
            Err(_) => Phase::Busy,
        }
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
    u64::from(process::id()) << 2 | phase
}
