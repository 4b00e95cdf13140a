//! Whether a drain is at work in this thread. If it logged, it would have to write its own records, which would log again,
//! without end. So all records are discarded meanwhile.

use std::cell::Cell;

thread_local! {
    // It has no destructor, so it also works in the destructors of other thread-locals.
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Whether a drain is at work in this thread.
#[inline]
pub(crate) fn is_at_work() -> bool {
    IS_AT_WORK.get()
}

/// Runs a drain's `work`; records that it logs are discarded.
pub(super) fn at_work<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_AT_WORK.set(self.0);
        }
    }
    let _restore = Restore(IS_AT_WORK.replace(true));
    work()
}
