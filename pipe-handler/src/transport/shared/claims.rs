//! `Claims`: which rings of a buffer one process has, and whether it still may use them.

use std::sync::atomic::{
    AtomicBool, AtomicU8,
    Ordering::{Relaxed, SeqCst},
};

use record_proto::{Header, RingWords};

use super::mapping::Mapping;
use super::marks::Marks;
use super::membarrier;
use super::ring::{PagesRefused, Ring};
use crate::sys::process;

/// What became of the rings of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// They are in use.
    Live,
    /// They were given back: the process goes on with the pipe.
    Retired,
    /// They have become unusable: the process begins another session, on the pipe.
    Lost,
}

/// The rings that one process has claimed, under the name of its session.
///
/// They belong to the process that made this value: a forked child claims its own.
#[derive(Debug)]
pub(super) struct Claims {
    generation: u64,
    mapping: Mapping,
    owner: u64,
    marks: Marks,
    /// A [`State`].
    state: AtomicU8,
    /// The system has refused pages: threads claim no more rings.
    has_no_pages: AtomicBool,
    has_barrier: bool,
}

impl Claims {
    pub(super) fn new(mapping: Mapping, instance: u32) -> Self {
        Self {
            generation: process::generation(),
            mapping,
            owner: 1 << 32 | u64::from(instance),
            marks: Marks::new(mapping.rings().count()),
            state: AtomicU8::new(State::Live as u8),
            has_no_pages: AtomicBool::new(false),
            has_barrier: membarrier::register_for_others(),
        }
    }

    /// Claims a ring. `None` if there is no free one, `Err` if the system refuses its first pages.
    pub(super) fn claim(&self) -> Result<Option<Ring>, PagesRefused> {
        Ring::claim(self.mapping, self.owner, self.has_barrier)
    }

    #[inline]
    pub(super) fn is_of_this_process(&self) -> bool {
        self.generation == process::generation()
    }

    #[inline]
    pub(super) fn is_live(&self) -> bool {
        // Relaxed: `Marks::synchronise` orders it.
        self.state.load(Relaxed) == State::Live as u8
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.load(Relaxed) == State::Lost as u8
    }

    /// Returns the bits of the rings that are in use.
    #[inline]
    pub(super) fn claimed(&self) -> u64 {
        self.mapping.header().claimed.load(Relaxed)
    }

    /// Claims a ring for a thread.
    pub(super) fn claim_for_thread(&self) -> Option<Ring> {
        if self.has_no_pages.load(Relaxed) {
            return None;
        }
        let Ok(ring) = self.claim() else {
            self.has_no_pages.store(true, Relaxed);
            return None;
        };
        let ring = ring?;
        match self.enter(ring.index()) {
            Some(access) => {
                access.leave();
                Some(ring)
            }
            None => {
                ring.release();
                None
            }
        }
    }

    /// Marks a ring of this thread as busy. `None` if the rings were retired.
    #[inline]
    pub(super) fn enter(&self, ring: usize) -> Option<Access<'_>> {
        self.marks.enter(ring);
        if self.is_live() {
            return Some(Access {
                marks: &self.marks,
                ring,
            });
        }
        self.marks.forget(ring);
        None
    }

    pub(super) fn header(&self) -> Header<'static> {
        self.mapping.header()
    }

    /// Returns the rings that belong to this process, those of threads that have ended included, as long as the parent
    /// has not read everything in them.
    pub(super) fn own(&self) -> impl Iterator<Item = RingWords<'static>> {
        let owner = self.owner;
        self.mapping
            .rings()
            .filter(move |ring| ring.owner.load(Relaxed) == owner)
    }

    pub(super) fn is_own(&self, ring: RingWords<'_>) -> bool {
        ring.owner.load(Relaxed) == self.owner
    }

    /// Gives all rings of threads back. Returns `false` if they were given back before, or if nobody can know whether a
    /// thread is writing into its ring: then all rings stay as they are.
    ///
    /// `go_on` returns whether to wait for a thread that is writing.
    pub(super) fn give_back(&self, state: State, go_on: &mut impl FnMut() -> bool) -> bool {
        let live = State::Live as u8;
        let was_live = self
            .state
            .compare_exchange(live, state as u8, SeqCst, SeqCst);
        if was_live.is_err() || !self.marks.synchronise() {
            return false;
        }
        let release = |ring| record_proto::release(self.mapping.ring(ring));
        self.marks.release_all(go_on, release);
        true
    }
}

/// A ring of this thread, which nobody else gives back meanwhile.
pub(super) struct Access<'a> {
    marks: &'a Marks,
    ring: usize,
}

impl Access<'_> {
    /// The thread keeps the ring.
    #[inline]
    pub(super) fn leave(self) {
        self.marks.leave(self.ring);
    }

    /// The thread does not have the ring any more.
    pub(super) fn forget(self) {
        self.marks.forget(self.ring);
    }
}
