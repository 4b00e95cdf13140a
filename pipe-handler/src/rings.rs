use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, SeqCst},
            fence,
        },
    },
};

use crate::staging::Staging;

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

    /// Appends frames to this thread's ring: whether there was room, `None` where it has no ring.
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

    /// Makes this thread's ring. A thread that is ending cannot keep one: then it is for these frames only, which are in
    /// it, and it is returned.
    pub(crate) fn open(&self, frames: &[u8]) -> Option<Arc<Staging>> {
        let kept = OWN.try_with(|own| {
            let mut own = own.try_borrow_mut().ok()?;
            let ring = Arc::new(Staging::new(self.capacity));
            own.push((self.id, Arc::clone(&ring)));
            Some(ring)
        });
        let kept = kept.ok().flatten();
        let is_kept = kept.is_some();
        let ring = kept.unwrap_or_else(|| Arc::new(Staging::of_last(frames)));
        self.lock().push(Arc::clone(&ring));
        self.version.fetch_add(1, SeqCst);
        (!is_kept).then_some(ring)
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

/// For whoever carries away what they push.
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
            // Not shared any more means that its thread has ended: then what it has committed must be seen.
            fence(Acquire);
            is_shared || ring.drained() < ring.committed()
        });
        all.clone()
    }

    /// Nothing that is done under this lock can leave anything half done.
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Staging>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
