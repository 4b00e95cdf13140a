use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            Ordering::{Acquire, Relaxed, SeqCst},
            fence,
        },
    },
};

use super::staging::Staging;
use crate::sys::AtomicU64;

/// The buffers of one queue: one [`Staging`] for each thread that logs, so that no two threads share one.
#[derive(Debug)]
pub(crate) struct Rings {
    id: u64,
    capacity: usize,
    all: Mutex<Vec<Arc<Staging>>>,
    /// Grows with every new ring.
    version: AtomicU64,
}

thread_local! {
    /// This thread's ring in each queue.
    static OWN: RefCell<Vec<(u64, Arc<Staging>)>> = const { RefCell::new(Vec::new()) };
}

/// The result of making a ring.
pub(crate) enum Opened {
    /// It is this thread's from here on, and empty.
    Kept,
    /// The thread is ending and cannot keep one: this is for the given frames only, which are in it.
    OfLast(Arc<Staging>),
    NoMemory,
}

/// For the threads that log.
impl Rings {
    /// `capacity`: bytes for each thread.
    pub(crate) fn new(capacity: usize) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Self {
            id: IDS.fetch_add(1, Relaxed),
            capacity,
            all: Mutex::default(),
            version: AtomicU64::new(0),
        }
    }

    /// Appends frames to this thread's ring. Returns whether there was room, or `None` if the thread has no ring.
    pub(crate) fn push(&self, frames: &[u8]) -> Option<bool> {
        self.with_own(|ring| ring.push(frames))
    }

    /// Whether this thread could push so many bytes now.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.with_own(|ring| ring.has_room(bytes)).unwrap_or(true)
    }

    /// This thread's ring.
    pub(crate) fn own(&self) -> Option<Arc<Staging>> {
        self.with_own(Arc::clone)
    }

    /// Whether nothing of this thread waits.
    pub(crate) fn is_clear(&self) -> bool {
        let is_clear = OWN.try_with(|own| {
            let own = own.try_borrow().ok()?;
            let own = own.iter().find(|(id, _)| *id == self.id);
            Some(own.is_none_or(|(_, ring)| ring.drained() == ring.committed()))
        });
        // A thread that is ending may have left a record elsewhere.
        is_clear.ok().flatten().unwrap_or(false)
    }

    /// Makes this thread's ring.
    pub(crate) fn open(&self, frames: &[u8]) -> Opened {
        let kept = OWN.try_with(|own| {
            let mut own = own.try_borrow_mut().ok()?;
            let ring = Staging::new(self.capacity).map(Arc::new);
            own.extend(ring.iter().map(|ring| (self.id, Arc::clone(ring))));
            Some(ring)
        });
        match kept.ok().flatten() {
            Some(ring) => self.add(ring).map_or(Opened::NoMemory, |_| Opened::Kept),
            None => {
                let ring = Staging::of_last(frames).map(Arc::new);
                self.add(ring).map_or(Opened::NoMemory, Opened::OfLast)
            }
        }
    }

    fn add(&self, ring: Option<Arc<Staging>>) -> Option<Arc<Staging>> {
        let ring = ring?;
        self.lock().push(Arc::clone(&ring));
        self.version.fetch_add(1, SeqCst);
        Some(ring)
    }

    #[inline]
    fn with_own<T>(&self, f: impl FnOnce(&Arc<Staging>) -> T) -> Option<T> {
        let found = OWN.try_with(|own| {
            let own = own.try_borrow().ok()?;
            let (_, ring) = own.iter().find(|(id, _)| *id == self.id)?;
            Some(f(ring))
        });
        found.ok().flatten()
    }
}

/// For the drain.
impl Rings {
    pub(crate) fn version(&self) -> u64 {
        self.version.load(SeqCst)
    }

    /// All rings.
    pub(crate) fn all(&self) -> Vec<Arc<Staging>> {
        self.lock().clone()
    }

    /// All rings, without those that are empty and whose thread has ended: these are given up.
    pub(crate) fn in_use(&self) -> Vec<Arc<Staging>> {
        let mut all = self.lock();
        all.retain(|ring| {
            let is_shared = Arc::strong_count(ring) > 1;
            // If it is not shared any more, its thread has ended. The fence pairs with the Release decrement by which
            // the thread dropped its Arc, so its last commit is visible below.
            fence(Acquire);
            is_shared || ring.drained() < ring.committed()
        });
        all.clone()
    }

    /// Ignores poisoning: code under this lock cannot leave the list half changed.
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Staging>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
