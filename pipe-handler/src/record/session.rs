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
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: AtomicU64,
    /// Drawn at random for this handler in this process.
    instance: AtomicU32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Phase {
    /// This process has no session: the handler or the process is new, or its session is over. The counters have to be
    /// set to zero.
    New,
    /// The session has begun, and the hello has found no room.
    Due,
    /// A thread is beginning the session, before it writes the hello: it resets the counters of a forked child, and
    /// claims a ring. This takes a moment only.
    ///
    /// Every thread waits for it, whatever its overflow policy: a record that it dropped now would be counted where the
    /// parent does not see it if this process is killed.
    Beginning,
    /// A thread is writing the hello.
    Opening,
    /// Records may be written.
    Open,
    /// The pipe has no reader any more, in this process or in the one that it was forked from.
    Gone,
}

/// The bits of the state that hold the phase. The others hold the generation.
const PHASE_MASK: u64 = (1 << process::UNUSED_BITS) - 1;

impl Session {
    /// Returns the number that distinguishes this session from all others on the pipe.
    ///
    /// It is valid once the session has begun in this process: [`is_open`](Self::is_open) and [`begin`](Self::begin)
    /// make the store in [`renew_instance`](Self::renew_instance) visible.
    pub(crate) fn instance(&self) -> u32 {
        self.instance.load(Relaxed)
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Acquire) == of_this_process(Phase::Open)
    }

    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        // Relaxed: no other data depends on this phase. A thread that misses it makes one more write that fails.
        self.state.load(Relaxed) & PHASE_MASK == Phase::Gone as u64
    }

    pub(crate) fn phase(&self) -> Phase {
        phase(self.state.load(Acquire))
    }

    /// Returns the phase. If it is [`Phase::New`] or [`Phase::Due`], no other thread gets it: the caller has to begin the
    /// session, to set [`Phase::Opening`], to write the hello, and then to set the phase that follows from the result.
    pub(crate) fn begin(&self) -> Phase {
        let found = self.state.load(Acquire);
        let phase = phase(found);
        if !matches!(phase, Phase::New | Phase::Due) {
            return phase;
        }
        // Acquire: if an earlier attempt found no room (`Phase::Due`), its resets are visible to this one. Relaxed on
        // failure: the value is not used, the caller asks again.
        let next = of_this_process(Phase::Beginning);
        match self.state.compare_exchange(found, next, Acquire, Relaxed) {
            Ok(_) => phase,
            // Another thread was faster; the phase that it chose shows at the next call.
            Err(_) => Phase::Beginning,
        }
    }

    /// Gives the session an instance of its own. To be called before it is [opening](Phase::Opening).
    pub(crate) fn renew_instance(&self) {
        self.instance.store(process::random() as u32, Relaxed);
    }

    /// Sets the phase.
    ///
    /// Release: [`Phase::Opening`] publishes the instance, and counters that were set to zero. [`Phase::New`] orders the
    /// reads of the counters by a close before they are set to zero again.
    pub(crate) fn set(&self, phase: Phase) {
        self.state.store(of_this_process(phase), Release);
    }

    /// Lets the next record begin a new session, because the rings of the one with this instance have become unusable.
    pub(crate) fn abandon(&self, instance: u32) {
        // Several threads find that out. If another one has begun a new session already, this one leaves it alone. (If it
        // does so between the two lines, there is one session more, which does no harm.)
        if self.instance() == instance {
            let (open, new) = (of_this_process(Phase::Open), of_this_process(Phase::New));
            // Release: as in `set`. Relaxed on failure: then there is nothing to do.
            let _done_already = self.state.compare_exchange(open, new, Release, Relaxed);
        }
    }
}

/// Returns a phase of this process, as `Session::state` holds it.
#[inline]
fn of_this_process(phase: Phase) -> u64 {
    process::generation() | phase as u64
}

/// Returns the phase in which a state is in this process.
fn phase(state: u64) -> Phase {
    if state & PHASE_MASK == Phase::Gone as u64 {
        return Phase::Gone;
    }
    let phases = [Phase::Due, Phase::Beginning, Phase::Opening, Phase::Open];
    let is_it = |&phase: &Phase| state == of_this_process(phase);
    phases.into_iter().find(is_it).unwrap_or(Phase::New)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_a_session_has_begun_the_other_threads_do_not_drop() {
        let session = Session::default();
        for phase in [Phase::New, Phase::Due] {
            assert_eq!(session.begin(), phase);
            assert_eq!(session.begin(), Phase::Beginning);
            session.set(Phase::Opening);
            assert_eq!(session.begin(), Phase::Opening);
            session.set(Phase::Open);
            assert_eq!(session.begin(), Phase::Open);
            session.set(Phase::Due);
        }
    }
}
