//! Whether a thread is in a scope, in one word, so that a record in no scope costs one comparison.

use std::cell::Cell;

/// The thread is in a scope.
const ENTERED: u8 = 1;
/// One of the thread's scopes keeps records.
const KEEPS: u8 = 2;
/// The thread is changing its stack, or works on records that are kept. If an allocator logs in the meantime, it does so
/// outside of all scopes: it would find borrowed or locked what it needs.
const BUSY: u8 = 4;

thread_local! {
    // It has no destructor, so it also works in the destructors of other thread-locals.
    static STATE: Cell<u8> = const { Cell::new(0) };
    /// The version of the values of all scopes at which those of the thread had none; 0 if that is not known.
    static NO_VALUES: Cell<u64> = const { Cell::new(0) };
}

/// Whether the thread is in a scope, and not at work on it.
#[inline]
pub(super) fn is_entered() -> bool {
    STATE.get() & (ENTERED | BUSY) == ENTERED
}

/// Whether a scope of the thread keeps records.
#[inline]
pub(super) fn keeps() -> bool {
    STATE.get() & (KEEPS | BUSY) == KEEPS
}

/// Whether the thread is at work on its scopes, and a record has to pass by them.
#[inline]
pub(super) fn is_busy() -> bool {
    STATE.get() & BUSY != 0
}

/// Sets what the thread's stack is now.
pub(super) fn set(is_entered: bool, keeps: bool) {
    let entered = if is_entered { ENTERED } else { 0 };
    let keeps = if keeps { KEEPS } else { 0 };
    STATE.set(STATE.get() & BUSY | entered | keeps);
}

/// Whether the scopes of the thread have no values, if those of all scopes have this version.
#[inline]
pub(super) fn has_no_values(version: u64) -> bool {
    NO_VALUES.get() == version
}

/// Sets the version at which the scopes of the thread have no values.
pub(super) fn set_no_values(version: u64) {
    NO_VALUES.set(version);
}

/// Marks the thread as at work until it is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    was_busy: u8,
}

impl Busy {
    #[inline]
    pub(super) fn begin() -> Self {
        let state = STATE.get();
        STATE.set(state | BUSY);
        Self {
            was_busy: state & BUSY,
        }
    }
}

impl Drop for Busy {
    #[inline]
    fn drop(&mut self) {
        STATE.set(STATE.get() & !BUSY | self.was_busy);
    }
}
