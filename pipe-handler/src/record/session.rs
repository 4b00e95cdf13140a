//! The session of this process on the pipe: before, during and after its hello.

use std::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::sys::{AtomicU64, process};

/// The state of this process's session on the pipe: whether its hello has been written.
///
/// The hello must be in the pipe before any record of the process, and a forked child has to write one of its own. The
/// phase and the generation of the process that it is valid for share one u64, so one load checks both.
///
/// The stores of a new phase use Release and the loads use Acquire. A thread that sees [`Phase::Open`] therefore also
/// sees the earlier stores of the thread that wrote the hello: the instance, and the counters that it set to zero. Without
/// this, a record of a forked child could carry its parent's instance, or be counted before the counters are set to
/// zero.
#[derive(Debug)]
pub(crate) struct Session {
    state: AtomicU64,
    /// Drawn at random for this handler in this process.
    instance: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The caller has to begin the session, to [say so](Session::mark_opening), to write the hello, and then to set the
    /// phase that follows from the result. `forked`: this process is a new fork, and its counters must be reset first.
    Due { forked: bool },
    /// Another thread is writing the hello.
    Opening,
    /// Another thread is beginning the session, before it writes the hello: it resets the counters of a forked child, and
    /// claims a ring. This takes a moment only.
    ///
    /// Every thread waits for it, whatever its overflow policy: a record that it dropped now would be counted where the
    /// parent does not see it if this process is killed.
    Beginning,
    /// Records may be written.
    Open,
    /// The pipe has no reader any more.
    Gone,
}

const DUE: u64 = 0;
const OPENING: u64 = 1;
const OPEN: u64 = 2;
const GONE: u64 = 3;
const BEGINNING: u64 = 4;
/// The bits of the state that hold the phase. The others hold the generation.
const PHASE_MASK: u64 = (1 << process::UNUSED_BITS) - 1;

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU64::new(state(DUE)),
            instance: AtomicU32::new(new_instance()),
        }
    }

    /// Returns the number that distinguishes this session from all others on the pipe.
    ///
    /// It is valid once the session has begun in this process: [`is_open`](Self::is_open) and [`begin`](Self::begin)
    /// make the store in [`renew_instance`](Self::renew_instance) visible.
    pub(crate) fn instance(&self) -> u32 {
        self.instance.load(Relaxed)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Acquire) == state(OPEN)
    }

    /// Whether the pipe has no reader, in this process or in the one that it was forked from.
    pub(crate) fn is_gone(&self) -> bool {
        // Relaxed: no other data depends on this phase. A thread that misses it makes one more write that fails.
        self.state.load(Relaxed) & PHASE_MASK == GONE
    }

    /// Returns the phase. If it is [`Phase::Due`], no other thread gets it: the caller must write the hello.
    pub(crate) fn begin(&self) -> Phase {
        let found = self.state.load(Acquire);
        let forked = found | PHASE_MASK != state(PHASE_MASK);
        match found & PHASE_MASK {
            GONE => return Phase::Gone,
            _ if forked => {}
            OPEN => return Phase::Open,
            OPENING => return Phase::Opening,
            BEGINNING => return Phase::Beginning,
            _ => {}
        }
        // Acquire: if an earlier attempt found no room (`retry_later`), its resets are visible to this one. Relaxed on
        // failure: the value is not used, the caller asks again.
        match self
            .state
            .compare_exchange(found, state(BEGINNING), Acquire, Relaxed)
        {
            Ok(_) => Phase::Due { forked },
            // Another thread was faster; the phase that it chose shows at the next call.
            Err(_) => Phase::Beginning,
        }
    }

    /// Whether the hello of this process is still to be written, and no thread is writing it.
    pub(crate) fn is_due(&self) -> bool {
        self.state.load(Acquire) == state(DUE)
    }

    /// Whether a thread of this process is writing the hello.
    pub(crate) fn is_opening(&self) -> bool {
        let found = self.state.load(Acquire);
        found == state(OPENING) || found == state(BEGINNING)
    }

    /// Gives the session of a forked child an instance of its own. To be called before it is [opened](Self::mark_opening).
    pub(crate) fn renew_instance(&self) {
        self.instance.store(new_instance(), Relaxed);
    }

    /// The session has begun, and its hello will be written. Release: publishes the instance, and counters that were
    /// set to zero.
    pub(crate) fn mark_opening(&self) {
        self.state.store(state(OPENING), Release);
    }

    /// Lets the next record begin a new session, because this process is about to be replaced by another program. It is
    /// used only if that fails.
    pub(crate) fn forget(&self) {
        // Generation 0 is that of no process, so `begin` treats it as a fork and resets. Release orders the reads of
        // the counters by the close before those resets.
        self.state.store(DUE, Release);
    }

    /// Lets the next record begin a new session, because the rings of the one with this instance have become unusable.
    pub(crate) fn abandon(&self, instance: u32) {
        // Several threads find that out. If another one has begun a new session already, this one leaves it alone. (If it
        // does so between the two lines, there is one session more, which does no harm.)
        if self.instance() == instance {
            // Generation 0 and Release: as in `forget`. Relaxed on failure: then there is nothing to do.
            let _done_already = self
                .state
                .compare_exchange(state(OPEN), DUE, Release, Relaxed);
        }
    }

    pub(crate) fn mark_open(&self) {
        self.state.store(state(OPEN), Release);
    }

    pub(crate) fn retry_later(&self) {
        self.state.store(state(DUE), Release);
    }

    pub(crate) fn mark_reader_gone(&self) {
        self.state.store(state(GONE), Release);
    }
}

fn new_instance() -> u32 {
    process::random() as u32
}

/// Returns a phase of this process, as `Session::state` holds it.
fn state(phase: u64) -> u64 {
    process::generation() | phase
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_a_session_has_begun_the_other_threads_do_not_drop() {
        process::watch_forks();
        let session = Session::new();
        for forked in [false, true] {
            assert_eq!(session.begin(), Phase::Due { forked });
            assert_eq!(session.begin(), Phase::Beginning);
            session.mark_opening();
            assert_eq!(session.begin(), Phase::Opening);
            session.mark_open();
            assert_eq!(session.begin(), Phase::Open);
            session.forget();
        }
    }
}
