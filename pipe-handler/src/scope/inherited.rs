//! `Inherited`: a value that a forked child inherits.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use super::per_process::{Locked, PerProcess};
use super::state::Busy;

/// A value that each process may change for itself, behind a lock.
///
/// A forked child begins with a copy of its parent's. If another thread of the parent was changing the value at the
/// fork, the child begins with the default.
#[derive(Debug, Default)]
pub(super) struct Inherited<T>(PerProcess<RwLock<T>>);

impl<T: Clone + Default> Inherited<T> {
    /// Locks the value to read it.
    pub(super) fn read(&self) -> Locked<RwLockReadGuard<'_, T>> {
        let busy = Busy::begin();
        // Code under the lock leaves the value whole even if it panics.
        let value = self.own().read();
        Locked::new(value.unwrap_or_else(PoisonError::into_inner), busy)
    }

    /// Locks the value to read it, unless that has to wait, as it would in an allocator that logs under the lock.
    pub(super) fn try_read(&self) -> Option<Locked<RwLockReadGuard<'_, T>>> {
        let busy = Busy::begin();
        Some(Locked::new(try_read(self.own())?, busy))
    }

    /// Locks the value to change it.
    pub(super) fn write(&self) -> Locked<RwLockWriteGuard<'_, T>> {
        let busy = Busy::begin();
        let value = self.own().write();
        Locked::new(value.unwrap_or_else(PoisonError::into_inner), busy)
    }

    fn own(&self) -> &RwLock<T> {
        let copy = |lock: &RwLock<T>| try_read(lock).map(|value| value.clone());
        self.0
            .own(|lock| RwLock::new(copy(lock).unwrap_or_default()))
    }
}

/// Locks the value, even if it is poisoned. Returns `None` if that has to wait.
fn try_read<T>(lock: &RwLock<T>) -> Option<RwLockReadGuard<'_, T>> {
    match lock.try_read() {
        Ok(value) => Some(value),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
