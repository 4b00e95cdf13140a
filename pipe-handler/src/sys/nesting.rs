//! Log calls inside log calls: a value that is being formatted may log.

use std::cell::Cell;

/// How many records a thread may be making at once in addition to the first: formatting one may log the next.
const MAX_NESTING: u8 = 4;

/// Stands for one record that this thread is making; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct NestingGuard(());

/// Why a record cannot be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The thread is already making the maximum number of records.
    TooDeep,
    /// The drain is at work in this thread. If it logged, it would have to write its own records, which would log
    /// again, without end.
    Suppressed,
}

/// The value of [`NESTING`] while records are refused as [`Refused::Suppressed`].
const SUPPRESSED: u8 = u8::MAX;

thread_local! {
    // It has no destructor, so it also works in the destructors of other thread-locals.
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

    /// Whether the drain is at work in this thread.
    pub(crate) fn is_suppressed() -> bool {
        NESTING.get() == SUPPRESSED
    }
}

/// Runs the drain's `work`; records that it logs are discarded.
#[cfg(feature = "drain")]
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
