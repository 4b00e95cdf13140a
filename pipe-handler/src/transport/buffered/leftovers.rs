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

/// What has to be written before anything newer: by the drain, or by somebody else once it has ended.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Goes before everything in the rings: a hello that found no room (whoever sees a record in a ring finds it here,
    /// or gone already), or what a drain had taken when it ended.
    first: Mutex<BytesMut>,
    /// Whether there ever was anything.
    any_first: AtomicBool,
    /// Held by whoever writes what an ended drain has left.
    turn: Mutex<()>,
}

/// How long to wait before asking again for the turn to write.
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

    /// What a drain that ends has taken and cannot write goes before all else.
    pub(crate) fn leave(&self, taken: &mut BytesMut) {
        let mut first = self.first();
        taken.extend_from_slice(&first);
        std::mem::swap(&mut *first, taken);
        taken.clear();
        self.any_first.store(true, SeqCst);
    }

    /// To be held while the drain writes its last.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Writes what an ended drain has left, in these rings too, as far as it can in this time.
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

    /// Whoever has the turn may be waiting for room.
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

/// Writes whole frames to a pipe, as many at once as it takes in one piece. What is written is taken from them.
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

/// Writes what is left in a ring that no drain carries away any more.
fn write_ring(ring: &Staging, pipe: &Pipe, deadline: &mut Deadline) -> Written {
    let mut frames = BytesMut::new();
    // One entry after the other: what is written is given back at once and never written again.
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

/// Nothing that is done under these locks can leave anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
