//! `ForkMutex`: a value that a forked child begins anew.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::per_process::{Locked, PerProcess};
use super::state::Busy;

/// A value that each process begins with its default, behind a lock.
#[derive(Debug, Default)]
pub(super) struct ForkMutex<T>(PerProcess<Mutex<T>>);

impl<T: Default> ForkMutex<T> {
    pub(super) fn lock(&self) -> Locked<MutexGuard<'_, T>> {
        let busy = Busy::begin();
        // Code under these locks leaves the value whole even if it panics.
        let value = self.0.own(|_| Mutex::default()).lock();
        Locked::new(value.unwrap_or_else(PoisonError::into_inner), busy)
    }
}
