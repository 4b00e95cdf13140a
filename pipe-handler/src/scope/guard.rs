//! `ScopeGuard`: a scope that a thread is in.

use std::marker::PhantomData;

use super::stack::{self, EntryId, Leave};

/// Leaves a scope when it is dropped; see [`Scope::enter`](crate::Scope::enter) for an example.
#[derive(Debug)]
#[must_use = "dropped at once it leaves the scope at once"]
pub struct ScopeGuard {
    id: EntryId,
    how: Leave,
    /// The scope was entered in this thread, and can be left only there.
    _not_send: PhantomData<*const ()>,
}

impl ScopeGuard {
    pub(super) fn new(id: EntryId, how: Leave) -> Self {
        Self {
            id,
            how,
            _not_send: PhantomData,
        }
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        stack::leave(self.id, self.how);
    }
}
