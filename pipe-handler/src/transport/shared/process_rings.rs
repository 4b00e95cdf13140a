//! `ProcessRings`: what one process has claimed of a shared buffer.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    thread,
};

use record_proto::{Reader, RingWords};

use super::bell;
use super::mapping::Mapping;
use super::ring::{Put, Ring};
use super::thread_ring::{self, Mark, Own};
use super::wait::{self, Waited};
use crate::sys::{membarrier, process};
use crate::transport::{Deadline, Pipe, Written};

/// The rings of one process: a common one, and one for each thread as long as there are free ones.
///
/// It belongs to the process that made it: a forked child makes its own.
#[derive(Debug)]
pub(super) struct ProcessRings {
    generation: u64,
    mapping: Mapping,
    owner: u64,
    common: Mutex<Option<Ring>>,
    common_words: RingWords<'static>,
    is_retired: AtomicBool,
    has_barrier: bool,
    /// The rings of the threads.
    marks: Mutex<Vec<(Arc<Mark>, RingWords<'static>)>>,
}

impl ProcessRings {
    /// Claims the common ring for this process. `None` if there is no free one.
    pub(super) fn claim(mapping: Mapping, instance: u32) -> Option<Self> {
        let owner = 1 << 32 | u64::from(instance);
        let common = Ring::claim(mapping, owner)?;
        Some(Self {
            generation: process::generation(),
            mapping,
            owner,
            common_words: common.words(),
            common: Mutex::new(Some(common)),
            is_retired: AtomicBool::new(false),
            has_barrier: membarrier::register(),
            marks: Mutex::default(),
        })
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    #[inline]
    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Relaxed)
    }

    #[inline]
    pub(super) fn has_barrier(&self) -> bool {
        self.has_barrier
    }

    /// Puts a frame into the ring of this thread, or into the common ring, and waits for room until the deadline.
    #[inline]
    pub(super) fn put(
        &'static self,
        frame: &[u8],
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        loop {
            let (reader, ring) = match thread_ring::put(self, frame) {
                Own::Put(Put::Done(reader), _) => (Some(reader), None),
                Own::Put(_, words) => (None, Some(words)),
                Own::None => return self.put_in_common(frame, false, pipe, deadline),
                Own::Busy => return self.put_in_common(frame, true, pipe, deadline),
            };
            if let Some(reader) = reader {
                return Some(self.after(reader, pipe));
            }
            let has_room = || thread_ring::has_room(frame.len());
            if let Some(written) = self.wait(ring?, pipe, deadline, has_room) {
                return Some(written);
            }
        }
    }

    /// Puts a frame into the common ring. `None` if the rings are retired or unusable.
    #[cold]
    fn put_in_common(
        &'static self,
        frame: &[u8],
        is_nested: bool,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Option<Written> {
        loop {
            let words = {
                // Every policy waits for the lock, because it is held for one copy only. A nested call must not: the
                // thread that holds it may be its own.
                let mut common = match is_nested {
                    false => lock(&self.common),
                    true => match self.common.try_lock() {
                        Ok(common) => common,
                        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                        Err(TryLockError::WouldBlock) => return Some(Written::Full),
                    },
                };
                let ring = common.as_mut()?;
                match ring.put(frame) {
                    Put::Done(reader) => {
                        drop(common);
                        return Some(self.after(reader, pipe));
                    }
                    Put::Full => ring.words(),
                    Put::Unusable => return None,
                }
            };
            let has_room = || match self.common.try_lock() {
                Ok(mut common) => common
                    .as_mut()
                    .is_none_or(|ring| ring.has_room(frame.len())),
                Err(_) => true,
            };
            if let Some(written) = self.wait(words, pipe, deadline, has_room) {
                return Some(written);
            }
        }
    }

    /// Counts a dropped record.
    pub(super) fn note_dropped(&self, level: usize) {
        // Without the lock: the call that drops it may be nested in one that has the lock.
        if let Some(count) = self.common_words.dropped.get(level - 1) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Claims a ring for a thread.
    pub(super) fn claim_for_thread(&self, mark: &Arc<Mark>) -> Option<Ring> {
        let mut marks = lock(&self.marks);
        if self.is_retired() {
            return None;
        }
        let ring = Ring::claim(self.mapping, self.owner)?;
        marks.push((Arc::clone(mark), ring.words()));
        Some(ring)
    }

    /// Removes a thread. Returns whether its ring is still its own.
    pub(super) fn forget(&self, mark: &Arc<Mark>) -> bool {
        let mut marks = lock(&self.marks);
        let before = marks.len();
        marks.retain(|(other, _)| !Arc::ptr_eq(other, mark));
        marks.len() < before
    }

    /// Gives all rings back when the process exits. Records that are logged afterwards go through the pipe.
    pub(super) fn retire(&self, deadline: &mut Deadline) {
        let marks = std::mem::take(&mut *{
            let marks = lock(&self.marks);
            self.is_retired.store(true, Relaxed);
            marks
        });
        match self.has_barrier {
            true => membarrier::all_threads(),
            false => fence(SeqCst),
        }
        for (mark, words) in marks {
            while mark.is_busy() && deadline.remaining().is_some() {
                thread::yield_now();
            }
            if !mark.is_busy() {
                record_proto::release(words);
            }
        }
        if let Some(ring) = lock(&self.common).take() {
            ring.release();
        }
    }

    /// Returns how the call ends, or `None` if there may be room now.
    fn wait(
        &self,
        ring: RingWords<'static>,
        pipe: &Pipe,
        deadline: &mut Deadline,
        has_room: impl FnMut() -> bool,
    ) -> Option<Written> {
        if self.mapping.header().is_closed() {
            return Some(Written::Gone);
        }
        match wait::for_room(ring, pipe, deadline, has_room) {
            Waited::Moved => None,
            Waited::TooLong => Some(Written::Full),
            Waited::Gone => Some(Written::Gone),
        }
    }

    #[inline]
    fn after(&self, reader: Reader, pipe: &Pipe) -> Written {
        match reader {
            Reader::Awake => Written::Whole,
            Reader::Asleep(value) => bell::ring(value, pipe),
            Reader::Closed => Written::Gone,
        }
    }
}

/// Ignores poisoning: code under these locks does not panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
