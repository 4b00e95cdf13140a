//! `Marks`: which rings the threads of this process have, and which of them are in use at this moment.

use std::sync::atomic::{
    AtomicU8,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    compiler_fence, fence,
};

use crossbeam_utils::CachePadded;

use super::membarrier;

/// No thread of this process has the ring.
const FREE: u8 = 0;
/// A thread has it.
const IDLE: u8 = 1;
/// A thread has it, and may be writing into it.
const BUSY: u8 = 2;

/// A mark for each ring of the buffer.
///
/// A thread marks its ring before each access, and then asks whether the rings are retired. Whoever retires them says
/// so, and then looks at the marks. For either to see the other, both need a full fence in between. That of the threads,
/// which is executed for each record, is left to [`membarrier`] if the system has it.
#[derive(Debug)]
pub(super) struct Marks {
    marks: Box<[CachePadded<AtomicU8>]>,
    has_barrier: bool,
}

impl Marks {
    pub(super) fn new(rings: usize) -> Self {
        Self {
            marks: (0..rings).map(|_| CachePadded::default()).collect(),
            has_barrier: membarrier::register(),
        }
    }

    /// Marks a ring of this thread as busy. The caller then asks whether the rings are retired.
    #[inline]
    pub(super) fn enter(&self, ring: usize) {
        // Relaxed: see the fences.
        self.marks[ring].store(BUSY, Relaxed);
        match self.has_barrier {
            true => compiler_fence(SeqCst),
            false => fence(SeqCst),
        }
    }

    /// Ends the access. The thread keeps the ring.
    #[inline]
    pub(super) fn leave(&self, ring: usize) {
        // Release: whoever sees it sees the commit.
        self.marks[ring].store(IDLE, Release);
    }

    /// Ends the access. The thread does not have the ring any more.
    pub(super) fn forget(&self, ring: usize) {
        self.marks[ring].store(FREE, Release);
    }

    /// Makes earlier stores of this thread visible to all threads that enter a ring later, and the marks of those that
    /// have entered visible to this thread. Returns `false` if the system refuses it.
    pub(super) fn synchronise(&self) -> bool {
        match self.has_barrier {
            true => membarrier::all_threads(),
            false => {
                fence(SeqCst);
                true
            }
        }
    }

    /// Calls `release` with each ring that a thread has, once it is not busy. `go_on` returns whether to wait for a busy
    /// one; one that stays busy is left alone.
    pub(super) fn release_all(&self, mut go_on: impl FnMut() -> bool, release: impl Fn(usize)) {
        for (ring, mark) in self.marks.iter().enumerate() {
            // Acquire pairs with the Release of `leave`: the commit comes before the release.
            while mark.load(Acquire) == BUSY && go_on() {
                std::thread::yield_now();
            }
            if mark.load(Acquire) == IDLE {
                release(ring);
            }
        }
    }
}
