//! Log calls inside log calls: a value that is being formatted may log.

use std::cell::Cell;

/// How many records a thread may be making at once in addition to the first: formatting one may log the next.
const MAX_NESTING: u8 = 4;

/// Stands for one record that this thread is making; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct NestingGuard(());

thread_local! {
    // It has no destructor, so it also works in the destructors of other thread-locals.
    static NESTING: Cell<u8> = const { Cell::new(0) };
}

impl NestingGuard {
    /// Returns `None` if the thread is already making the maximum number of records.
    pub(crate) fn enter() -> Option<Self> {
        let depth = NESTING.get();
        (depth <= MAX_NESTING).then(|| {
            NESTING.set(depth + 1);
            Self(())
        })
    }
}

impl Drop for NestingGuard {
    fn drop(&mut self) {
        NESTING.set(NESTING.get() - 1);
    }
}
