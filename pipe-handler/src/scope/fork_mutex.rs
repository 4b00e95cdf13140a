//! `ForkMutex`: a value of each process, behind a lock that a fork cannot leave locked.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::state::Busy;
use crate::sys::process;

/// A value that each process begins with its default, behind a lock.
///
/// A forked child gets a value and a lock of its own: another thread of the parent may have held the parent's lock at
/// the fork, and then nobody ever unlocks the copy in the child.
#[derive(Debug)]
pub(super) struct ForkMutex<T> {
    process: u64,
    value: Mutex<T>,
    /// The value of a process that was forked from this one, in its memory only.
    forked: OnceLock<Box<Self>>,
}

impl<T: Default> ForkMutex<T> {
    pub(super) fn lock(&self) -> ForkGuard<'_, T> {
        let busy = Busy::begin();
        let process = process::generation();
        let mut own = self;
        while own.process != process {
            own = own.forked.get_or_init(Box::default);
        }
        // Code under these locks leaves the value whole even if it panics.
        let value = own.value.lock().unwrap_or_else(PoisonError::into_inner);
        ForkGuard { value, _busy: busy }
    }
}

/// A locked value. Records that the thread logs until it is dropped, as an allocator may, pass by all scopes: they could
/// need the same lock.
pub(super) struct ForkGuard<'a, T> {
    value: MutexGuard<'a, T>,
    _busy: Busy,
}

impl<T> Deref for ForkGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for ForkGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default> Default for ForkMutex<T> {
    fn default() -> Self {
        Self {
            process: process::generation(),
            value: Mutex::default(),
            forked: OnceLock::new(),
        }
    }
}
