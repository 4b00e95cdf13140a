//! The disposal of caught panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Drops the value of a caught panic. If that panics in turn, the second value is leaked, because its drop may panic
/// too, and so on.
pub(crate) fn discard_panic(panic: Box<dyn Any + Send>) {
    if let Err(second_panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second_panic);
    }
}
