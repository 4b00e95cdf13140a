//! `RingReader`: the one reader of a ring.

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use super::entry::{JUMP, MAX_FRAME, WORD, entry_bytes, max_frame};
use super::ring_copy::RingCopy;
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
    /// The next entry. `None` if there is none, or until it is looked for after the one before was taken.
    next: Option<Next>,
    /// The bytes from `position` on, as far as they were copied.
    copy: RingCopy,
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
    /// The bytes of the frame, its length included.
    frame: usize,
    /// Whether all of it is in the copy.
    is_copied: bool,
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
        self.find_next(ring.data)
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

    /// Returns whether everything up to the writer's position at this look was taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.position == self.head
    }

    /// Returns whether everything up to this position of the writer was taken. One that went back is not enough.
    pub(super) fn is_at(&self, head: u64) -> bool {
        self.position == head && self.is_at_end()
    }

    /// Returns whether the next entry is too long for the copy: then it is for [`take_long`](Self::take_long).
    #[inline]
    pub(super) fn is_long(&self) -> bool {
        self.next.is_some_and(|next| !next.is_copied)
    }

    /// Takes the next entry, and returns its frame.
    #[inline(always)]
    pub(super) fn take(&mut self) -> &[u8] {
        let Some(next) = self.next.take() else {
            return &[];
        };
        self.position += entry_bytes(next.frame) as u64;
        self.copy.take(next.frame)
    }

    /// Takes the next entry, and copies its frame into the beginning of `buffer`. Returns the frame's length.
    pub(super) fn take_long(&mut self, data: &[AtomicU64], buffer: &mut [u8]) -> usize {
        let Some(next) = self.next.take() else {
            return 0;
        };
        let place = self.place(data) / WORD + 1;
        let words = &data[place..][..next.frame.div_ceil(WORD)];
        let (chunks, _) = buffer.as_chunks_mut();
        for (chunk, word) in chunks.iter_mut().zip(words) {
            *chunk = word.load(Relaxed).to_ne_bytes();
        }
        // The length that was checked, whatever stands there now.
        buffer[..4].copy_from_slice(&(next.frame as u32 - 4).to_be_bytes());
        self.position += entry_bytes(next.frame) as u64;
        self.copy.clear();
        next.frame
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

    /// Returns whether a waiting writer should be woken, after a fence: half of the ring more is free, or everything that
    /// the look found was read.
    ///
    /// Once for each position: a writer that has filled the ring since waits for the next look.
    pub(super) fn wakes_writers(&mut self, ring: RingWords<'_>) -> bool {
        let half = size_of_val(ring.data) as u64 / 2;
        let more = self.position - self.woken;
        let is_due = more >= half || more > 0 && self.is_at_end();
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
        (self.next, self.copy) = (None, RingCopy::default());
        ring.tail.store(GIVEN_UP, Release);
    }

    /// Finds the next entry if it is in the copy. Returns whether it is.
    #[inline(always)]
    pub(super) fn find_copied(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.copied();
        }
        self.next.is_some()
    }

    /// Finds the next entry, if there is one.
    pub(super) fn find_next(&mut self, data: &[AtomicU64]) -> Result<(), RingError> {
        if !self.find_copied() && self.position != self.head {
            self.next = Some(self.find_in_ring(data)?);
        }
        Ok(())
    }

    #[inline(always)]
    fn copied(&self) -> Option<Next> {
        let (order, frame) = self.copy.whole_entry()?;
        Some(Next {
            order,
            frame,
            is_copied: true,
        })
    }

    /// Copies the next entry, and more if there are. Of one that is longer than the copy, only its beginning.
    fn find_in_ring(&mut self, data: &[AtomicU64]) -> Result<Next, RingError> {
        if data[self.place(data) / WORD].load(Relaxed) == JUMP {
            self.jump(data)?;
        }
        let (at, size) = (self.place(data), size_of_val(data));
        let left = (size - at).min((self.head - self.position) as usize);
        self.copy.fill(&data[at / WORD..][..left / WORD], size);
        if let Some(next) = self.copied() {
            return Ok(next);
        }
        let error = |length| RingError::Entry {
            position: self.position,
            length,
        };
        let beginning = self.copy.beginning();
        let (order, frame) = beginning.filter(|entry| entry.0 != JUMP).ok_or(error(0))?;
        if frame > max_frame(size) || entry_bytes(frame) > left {
            return Err(error(frame));
        }
        Ok(Next {
            order,
            frame,
            is_copied: false,
        })
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
