//! `CommonRing`: the ring that a process has from the beginning, for threads without one of their own.

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError, TryLockError,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};

use record_proto::RingWords;

use super::ring::{InRing, Ring};
use crate::transport::LateFrame;

thread_local! {
    /// Whether this thread is using the common ring. It has no destructor, so it works in a thread that is ending.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The common ring of one process. A forked child has another one, so it never waits for a lock that was copied.
#[derive(Debug)]
pub(super) struct CommonRing {
    /// `None` after it was given back.
    ring: Mutex<Option<Ring>>,
    words: RingWords<'static>,
    /// How many threads are counting a dropped record.
    counting: AtomicUsize,
}

impl CommonRing {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            words: ring.words(),
            ring: Mutex::new(Some(ring)),
            counting: AtomicUsize::new(0),
        }
    }

    pub(super) fn words(&self) -> RingWords<'static> {
        self.words
    }

    /// Puts a frame into the ring if there is room. `Err` in a call that is nested in another one of this thread, which
    /// holds the lock.
    ///
    /// Each overflow policy waits for the lock, because it is held for one copy only.
    #[cold]
    pub(super) fn put(&self, mut frame: &mut dyn LateFrame) -> Result<Option<InRing>, Nested> {
        if IS_INSIDE.replace(true) {
            return Err(Nested);
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let in_ring = ring.as_mut().map(|ring| ring.put(&mut frame));
        drop(ring);
        IS_INSIDE.set(false);
        Ok(in_ring)
    }

    /// Whether the ring has room for a frame of this many bytes. Also `true` if waiting is no use: the ring was given
    /// back or can never be used again, or this thread is using it.
    pub(super) fn has_room(&self, frame: usize) -> bool {
        if IS_INSIDE.replace(true) {
            return true;
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = ring.as_mut().is_none_or(|ring| ring.has_room(frame));
        drop(ring);
        IS_INSIDE.set(false);
        has_room
    }

    /// Counts a dropped record where the parent sees it, if `may_count` returns `true`. Without the lock: the call that
    /// drops the record may be nested in one that holds it.
    pub(super) fn count_dropped(&self, level: usize, may_count: impl FnOnce() -> bool) -> bool {
        self.counting.fetch_add(1, Relaxed);
        // Whoever gives the ring back says so, fences, and looks at `counting`: it sees this thread, or this thread sees
        // that it must not count.
        fence(SeqCst);
        let counts = may_count();
        if let (true, Some(count)) = (counts, self.words.dropped.get(level - 1)) {
            count.fetch_add(1, Relaxed);
        }
        // Release: whoever sees it sees the count.
        self.counting.fetch_sub(1, Release);
        counts
    }

    /// Gives the ring back. The caller has said that no thread may count from now on, and has fenced. `go_on` returns
    /// whether to wait for threads that use it; if they stay, it is left alone.
    pub(super) fn give_back(&self, mut go_on: impl FnMut() -> bool) {
        while self.counting.load(Acquire) > 0 {
            if !go_on() {
                return;
            }
            thread::yield_now();
        }
        let ring = loop {
            match self.ring.try_lock() {
                Ok(mut ring) => break ring.take(),
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner().take(),
                Err(TryLockError::WouldBlock) if go_on() => thread::yield_now(),
                Err(TryLockError::WouldBlock) => return,
            }
        };
        if let Some(ring) = ring {
            ring.release();
        }
    }
}

/// The call is nested in another one of this thread, for example because a signal handler logs.
#[derive(Debug)]
pub(super) struct Nested;
