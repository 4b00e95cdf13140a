//! `RingReader`: the one reader of a ring.

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use super::entry::{JUMP, MAX_FRAME, WORD, entry_bytes, max_frame};
use super::ring_words::RingWords;

/// The bytes of a ring that are read in one part of a look, but for the last entry, which may pass them.
const PART: u64 = 64 * 1024;

/// The tail of a ring that the reader has given up. No position of a writer is near it.
const GIVEN_UP: u64 = 1 << 63;

/// Why a ring makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The writer's position went back, is not the end of a word, or is more than a ring ahead.
    #[error("its head went from {seen} to {head}")]
    Head {
        /// The position that was seen before.
        seen: u64,
        /// The position that was found.
        head: u64,
    },
    /// An entry passes the end of the ring or the writer's position, or is longer than a frame may be.
    #[error("an entry of {length} bytes at {position}")]
    Entry {
        /// The position of the entry.
        position: u64,
        /// The length of its frame.
        length: usize,
    },
    /// A jump does not lead to the start of the ring, or leads beyond the writer's position.
    #[error("a jump at {position}")]
    Jump {
        /// The position of the jump.
        position: u64,
    },
}

/// The one reader of a ring. Its positions are its own: what the writer changes in the memory does not move them.
#[derive(Debug, Default)]
pub(super) struct RingReader {
    /// The position of the next entry.
    position: u64,
    /// The writer's position at this look.
    head: u64,
    /// The writer's position at the look before.
    seen: u64,
    /// Entries from here on are for the next part of the look.
    stop: u64,
    /// The next entry.
    next: Option<Next>,
    /// The tail that the writer sees.
    published: u64,
    /// The tail when writers were last woken.
    woken: u64,
    /// The counts of dropped records that were taken, of this owner.
    dropped: [u64; 5],
}

#[derive(Debug, Clone, Copy)]
struct Next {
    order: u64,
    /// The first word of the frame, which has its length.
    first: u64,
    /// The bytes of the frame, its length included.
    frame: usize,
}

impl RingReader {
    /// Reads the writer's position. Everything before it is whole.
    pub(super) fn look(&mut self, ring: RingWords<'_>) -> Result<(), RingError> {
        // Acquire: sees the entries before the position.
        let head = ring.head.load(Acquire);
        let size = size_of_val(ring.data) as u64;
        if head < self.head || head - self.position > size || !head.is_multiple_of(WORD as u64) {
            return Err(RingError::Head {
                seen: self.head,
                head,
            });
        }
        self.seen = self.head;
        self.head = head;
        self.go_on(ring)
    }

    /// Begins the next part of the look: the writer's position is not read again.
    pub(super) fn go_on(&mut self, ring: RingWords<'_>) -> Result<(), RingError> {
        self.stop = self.position + PART;
        match self.next {
            Some(_) => Ok(()),
            None => self.find_next(ring.data),
        }
    }

    /// Returns the order word of the next entry, whether or not it is for this part.
    #[inline]
    pub(super) fn order(&self) -> Option<u64> {
        self.next.map(|next| next.order)
    }

    /// Returns whether the next entry is for the next part.
    #[inline]
    pub(super) fn is_at_stop(&self) -> bool {
        self.position >= self.stop
    }

    /// Returns whether the next entry was there at the look before.
    #[inline]
    pub(super) fn is_old(&self) -> bool {
        self.position < self.seen
    }

    /// Returns whether everything that this look found was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_none()
    }

    /// Returns whether everything up to this position of the writer was taken. One that went back is not enough.
    pub(super) fn is_at(&self, head: u64) -> bool {
        self.position == head && self.is_empty()
    }

    /// Copies the frame of the next entry into the beginning of `buffer`, and goes on to the entry after it. Returns the
    /// frame's length.
    #[inline]
    pub(super) fn take(
        &mut self,
        data: &[AtomicU64],
        buffer: &mut [u8],
    ) -> (usize, Result<(), RingError>) {
        let Some(next) = self.next.take() else {
            return (0, Ok(()));
        };
        let place = self.place(data) / WORD + 1;
        let words = &data[place..][..next.frame.div_ceil(WORD)];
        let (chunks, _) = buffer.as_chunks_mut();
        for (chunk, word) in chunks.iter_mut().zip(words) {
            *chunk = word.load(Relaxed).to_ne_bytes();
        }
        // The length that was checked, whatever stands there now.
        chunks[0] = next.first.to_ne_bytes();
        self.position += entry_bytes(next.frame) as u64;
        (next.frame, self.find_next(data))
    }

    /// Gives the room of everything that was taken back to the writer. Returns whether that is more than before.
    pub(super) fn publish(&mut self, ring: RingWords<'_>) -> bool {
        if self.published == self.position {
            return false;
        }
        self.published = self.position;
        ring.dispatched.store(self.position, Release);
        // Release: the loads of the entries precede whatever the writer puts in their place.
        ring.tail.store(self.position, Release);
        true
    }

    /// Returns whether a waiting writer should be woken, after a fence: half of the ring more is free, or all of it.
    pub(super) fn wakes_writers(&mut self, ring: RingWords<'_>) -> bool {
        let half = size_of_val(ring.data) as u64 / 2;
        let is_due = self.position - self.woken >= half || self.position == self.head;
        if is_due {
            self.woken = self.position;
        }
        is_due
    }

    /// Returns the counts of dropped records that are new since the last call.
    pub(super) fn take_dropped(&mut self, ring: RingWords<'_>) -> [u64; 5] {
        let mut new = [0; 5];
        for ((new, taken), count) in new.iter_mut().zip(&mut self.dropped).zip(ring.dropped) {
            // Relaxed: a count stands for itself. One that comes late is new at the next call.
            let count = count.load(Relaxed);
            *new = count.saturating_sub(*taken);
            *taken = count.max(*taken);
        }
        new
    }

    /// Begins the counts of the next owner.
    pub(super) fn reset_dropped(&mut self, ring: RingWords<'_>) {
        self.dropped = [0; 5];
        ring.dropped
            .iter()
            .for_each(|count| count.store(0, Relaxed));
    }

    /// Marks a ring that makes no sense: its writer finds that it cannot be used any more.
    pub(super) fn give_up(&mut self, ring: RingWords<'_>) {
        self.next = None;
        ring.tail.store(GIVEN_UP, Release);
    }

    /// Finds the next entry, if there is a whole one.
    #[inline]
    fn find_next(&mut self, data: &[AtomicU64]) -> Result<(), RingError> {
        if self.position == self.head {
            return Ok(());
        }
        let mut order = data[self.place(data) / WORD].load(Relaxed);
        if order == JUMP {
            self.jump(data)?;
            order = data[0].load(Relaxed);
        }
        let at = self.place(data);
        let error = |length| RingError::Entry {
            position: self.position,
            length,
        };
        let first = data.get(at / WORD + 1).map(|word| word.load(Relaxed));
        let first = first.filter(|_| order != JUMP).ok_or(error(0))?;
        let [a, b, c, d, ..] = first.to_ne_bytes();
        let frame = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_add(4);
        let size = size_of_val(data);
        if frame > max_frame(size) {
            return Err(error(frame));
        }
        let bytes = entry_bytes(frame);
        if at + bytes > size || self.position + bytes as u64 > self.head {
            return Err(error(frame));
        }
        self.next = Some(Next {
            order,
            first,
            frame,
        });
        Ok(())
    }

    /// Goes on at the start of the ring. An entry follows there, because both become visible together.
    #[cold]
    fn jump(&mut self, data: &[AtomicU64]) -> Result<(), RingError> {
        let position = self.position;
        let at = self.place(data);
        let start = position + (size_of_val(data) - at) as u64;
        if at == 0 || start >= self.head {
            return Err(RingError::Jump { position });
        }
        self.position = start;
        Ok(())
    }

    fn place(&self, data: &[AtomicU64]) -> usize {
        self.position as usize & (size_of_val(data) - 1)
    }
}

/// The length of a buffer for [`RingReader::take`].
pub(super) const FRAME_BUFFER: usize = MAX_FRAME.next_multiple_of(WORD);
