//! `Inherited`: a value that a forked child inherits, behind a lock that the fork cannot leave locked.

use std::{
    ops::{Deref, DerefMut},
    sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError},
};

use super::state::Busy;
use crate::sys::process;

/// A value that each process may change for itself, behind a lock.
///
/// A forked child gets a lock of its own and a copy of the value: another thread of the parent may have held the
/// parent's lock at the fork, and then nobody ever unlocks it in the child. If that thread was changing the value, the
/// child begins with the default.
#[derive(Debug)]
pub(super) struct Inherited<T> {
    process: u64,
    value: RwLock<T>,
    /// The copy of a process that was forked from this one, in its memory only.
    forked: OnceLock<Box<Self>>,
}

/// A locked value. Records that the thread logs until it is dropped, as an allocator may, pass by all scopes: they could
/// need the same lock.
pub(super) struct Locked<G> {
    value: G,
    _busy: Busy,
}

impl<T: Clone + Default> Inherited<T> {
    fn new(value: T) -> Self {
        Self {
            process: process::generation(),
            value: RwLock::new(value),
            forked: OnceLock::new(),
        }
    }

    /// Locks the value to read it.
    pub(super) fn read(&self) -> Locked<RwLockReadGuard<'_, T>> {
        let busy = Busy::begin();
        // Code under the lock leaves the value whole even if it panics.
        let value = self.own().value.read();
        Locked::new(value.unwrap_or_else(PoisonError::into_inner), busy)
    }

    /// Locks the value to read it, unless that has to wait, as it would in an allocator that logs under the lock.
    pub(super) fn try_read(&self) -> Option<Locked<RwLockReadGuard<'_, T>>> {
        let busy = Busy::begin();
        match self.own().value.try_read() {
            Ok(value) => Some(Locked::new(value, busy)),
            Err(TryLockError::Poisoned(error)) => Some(Locked::new(error.into_inner(), busy)),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Locks the value to change it.
    pub(super) fn write(&self) -> Locked<RwLockWriteGuard<'_, T>> {
        let busy = Busy::begin();
        let value = self.own().value.write();
        Locked::new(value.unwrap_or_else(PoisonError::into_inner), busy)
    }

    fn own(&self) -> &Self {
        let process = process::generation();
        let mut own = self;
        while own.process != process {
            own = own.forked.get_or_init(|| Box::new(own.copy()));
        }
        own
    }

    fn copy(&self) -> Self {
        match self.value.try_read() {
            Ok(value) => Self::new(value.clone()),
            Err(TryLockError::Poisoned(error)) => Self::new(error.into_inner().clone()),
            Err(TryLockError::WouldBlock) => Self::default(),
        }
    }
}

impl<T: Clone + Default> Default for Inherited<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<G> Locked<G> {
    fn new(value: G, busy: Busy) -> Self {
        Self { value, _busy: busy }
    }
}

impl<G: Deref> Deref for Locked<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.value
    }
}

impl<G: DerefMut> DerefMut for Locked<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.value
    }
}
