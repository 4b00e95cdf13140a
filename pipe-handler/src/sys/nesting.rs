//! Log calls within log calls: a value that is being formatted may log.

use std::cell::Cell;

/// How many records may be in the making at once in a thread beside the first: formatting one may log the next.
const MAX_NESTING: u8 = 4;

/// One record in the making.
#[derive(Debug)]
pub(crate) struct NestingGuard(());

/// Why a record cannot be made here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many are in the making.
    TooDeep,
    /// The machinery that carries records away is at work in this thread. What it logs about that would be carried
    /// away by it, and so on without end.
    Suppressed,
}

/// What [`NESTING`] is where records are refused without a word.
const SUPPRESSED: u8 = u8::MAX;

thread_local! {
    // Has nothing to destroy and so works in the destructors of other thread-locals too.
    static NESTING: Cell<u8> = const { Cell::new(0) };
}

impl NestingGuard {
    pub(crate) fn enter() -> Result<Self, Refused> {
        match NESTING.get() {
            depth @ 0..=MAX_NESTING => {
                NESTING.set(depth + 1);
                Ok(Self(()))
            }
            SUPPRESSED => Err(Refused::Suppressed),
            _ => Err(Refused::TooDeep),
        }
    }

    /// Whether another record of this thread is in the making beside the present one.
    pub(crate) fn is_nested() -> bool {
        NESTING.get() > 1
    }

    /// Whether the machinery that carries records away is at work in this thread.
    pub(crate) fn is_suppressed() -> bool {
        NESTING.get() == SUPPRESSED
    }
}

/// Runs what carries records away.
#[cfg(feature = "buffered")]
pub(crate) fn suppress_logging<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(u8);
    impl Drop for Restore {
        fn drop(&mut self) {
            NESTING.set(self.0);
        }
    }
    let _restore = Restore(NESTING.replace(SUPPRESSED));
    work()
}

impl Drop for NestingGuard {
    fn drop(&mut self) {
        NESTING.set(NESTING.get() - 1);
    }
}
