use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Drops what was panicked with, which may panic once more; that second value is not dropped any more.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
