//! `PerProcess`: a lock of each process, which a fork cannot leave locked.

use std::ops::{Deref, DerefMut};

use once_cell::race::OnceBox;

use super::state::Busy;
use crate::sys::process;

/// A lock of each process.
///
/// A forked child gets a lock of its own: another thread of the parent may have held the parent's lock at the fork, and
/// then nobody ever unlocks the copy in the child. For the same reason the lock of a child stands in a cell that is
/// filled in one step: a fork cannot leave it half filled.
#[derive(Debug)]
pub(super) struct PerProcess<L> {
    process: u64,
    lock: L,
    /// The lock of a process that was forked from this one, in its memory only.
    forked: OnceBox<Self>,
}

impl<L> PerProcess<L> {
    pub(super) fn new(lock: L) -> Self {
        Self {
            process: process::generation(),
            lock,
            forked: OnceBox::new(),
        }
    }

    /// Returns the lock of this process. `fork` makes that of a child from the copy of its parent's, which may be locked
    /// for ever.
    pub(super) fn own(&self, fork: impl Fn(&L) -> L) -> &L {
        let process = process::generation();
        let mut own = self;
        while own.process != process {
            own = own
                .forked
                .get_or_init(|| Box::new(Self::new(fork(&own.lock))));
        }
        &own.lock
    }
}

impl<L: Default> Default for PerProcess<L> {
    fn default() -> Self {
        Self::new(L::default())
    }
}

/// A locked value. Records that the thread logs until it is dropped, as an allocator may, pass by all scopes: they could
/// need the same lock.
pub(super) struct Locked<G> {
    value: G,
    _busy: Busy,
}

impl<G> Locked<G> {
    pub(super) fn new(value: G, busy: Busy) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_another_thread_was_making_at_the_fork_is_made_anew() {
        let inherited = PerProcess {
            process: 0,
            lock: 1,
            forked: OnceBox::new(),
        };
        // What a fork copies of a thread that is making the lock: the beginning, without the end.
        let first = inherited.own(|lock| inherited.own(|_| lock + 1) + 1);
        assert_eq!(*first, 2);
        assert_eq!(*inherited.own(|_| 0), 2);
    }
}
