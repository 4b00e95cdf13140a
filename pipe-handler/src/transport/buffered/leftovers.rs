use std::{
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use bytes::{Buf, BytesMut};

use super::pipe_writer::whole_frames;
use super::staging::Staging;
use crate::transport::{Deadline, Pipe, Written, pause};

/// Frames that have to be written before any newer frame: by the drain or, once it has ended, by another thread.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Frames that go before all frames in the rings: a hello that found no room (it is here, or already written,
    /// before any record is in a ring), or the frames that a drain had taken when it ended.
    first: Mutex<BytesMut>,
    /// Whether `first` ever held anything.
    any_first: AtomicBool,
    /// Held by the thread that writes the frames that an ended drain has left.
    turn: Mutex<()>,
}

/// How long to wait before trying to lock `turn` again.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

impl Leftovers {
    /// Whether there was nothing so far that goes before the rings.
    pub(crate) fn none_first(&self) -> bool {
        !self.any_first.load(Relaxed)
    }

    /// Whether nothing goes before the rings any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.none_first() || self.first().is_empty()
    }

    pub(crate) fn push(&self, hello: &[u8]) {
        self.any_first.store(true, SeqCst);
        self.first().extend_from_slice(hello);
    }

    pub(crate) fn take(&self, out: &mut BytesMut) {
        let mut first = self.first();
        out.extend_from_slice(&first);
        first.clear();
    }

    /// Puts the frames that an ending drain has taken and cannot write before all others.
    pub(crate) fn leave(&self, taken: &mut BytesMut) {
        let mut first = self.first();
        taken.extend_from_slice(&first);
        std::mem::swap(&mut *first, taken);
        taken.clear();
        self.any_first.store(true, SeqCst);
    }

    /// The lock to hold while the drain writes its last frames.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Writes the frames that an ended drain has left, those in `rings` included, as far as the deadline allows.
    pub(crate) fn write<'r>(
        &self,
        rings: impl IntoIterator<Item = &'r Staging>,
        pipe: &Pipe,
        deadline: &mut Deadline,
    ) -> Written {
        let Some(_turn) = self.turn_within(deadline) else {
            return Written::Full;
        };
        let mut written = write_all(&mut self.first(), pipe, deadline);
        for ring in rings {
            if written == Written::Full {
                break;
            }
            written = write_ring(ring, pipe, deadline);
        }
        written
    }

    /// Locks `turn` within the deadline: the thread that holds it may be waiting for room.
    fn turn_within(&self, deadline: &mut Deadline) -> Option<MutexGuard<'_, ()>> {
        loop {
            match self.turn.try_lock() {
                Ok(turn) => return Some(turn),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    deadline.remaining()?;
                    pause(BUSY_PAUSE);
                }
            }
        }
    }

    fn first(&self) -> MutexGuard<'_, BytesMut> {
        lock(&self.first)
    }
}

/// Writes whole frames to a pipe, as many at once as it takes in one piece, and removes them from `frames`.
pub(crate) fn write_all(frames: &mut BytesMut, pipe: &Pipe, deadline: &mut Deadline) -> Written {
    while !frames.is_empty() {
        let length = whole_frames(frames).len();
        if length == 0 {
            return Written::Gone;
        }
        let written = pipe.write(&frames[..length], deadline);
        if written != Written::Whole {
            return written;
        }
        frames.advance(length);
    }
    Written::Whole
}

/// Writes the frames of a ring that has no drain any more.
fn write_ring(ring: &Staging, pipe: &Pipe, deadline: &mut Deadline) -> Written {
    let mut frames = BytesMut::new();
    // One entry at a time: its room is freed at once, so that it is never written twice.
    while ring.drained() < ring.committed() {
        frames.clear();
        let end = ring.copy(ring.drained(), ring.committed(), 1, &mut frames);
        let written = pipe.write(&frames, deadline);
        if written != Written::Whole {
            return written;
        }
        ring.set_drained(end);
    }
    Written::Whole
}

/// Ignores poisoning: code under these locks cannot leave the data half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
