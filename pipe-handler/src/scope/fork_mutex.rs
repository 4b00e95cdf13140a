//! `ForkMutex`: a value of each process, behind a lock that a fork cannot leave locked.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

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
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        let process = process::generation();
        let mut own = self;
        while own.process != process {
            own = own.forked.get_or_init(Box::default);
        }
        // Code under these locks leaves the value whole even if it panics.
        own.value.lock().unwrap_or_else(PoisonError::into_inner)
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
