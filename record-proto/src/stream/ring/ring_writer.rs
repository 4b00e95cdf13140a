//! `RingWriter`: the one writer of a ring.

use super::atomic::Ordering::{Acquire, Relaxed, Release};
use super::entry::{JUMP, WORD, entry_bytes, max_frame};
use super::layout::RESTART;
use super::ring_words::RingWords;

/// Positions have these bits: an entry begins at a whole word, and nobody writes so much that more bits are needed.
const POSITION_BITS: u64 = (1 << 62) - WORD as u64;

/// The one writer of a ring.
///
/// A record takes three steps: [`room`](Self::room), then its number and ticket, then [`commit`](Self::commit). A caller
/// that gives up waiting for room has taken neither.
#[derive(Debug)]
pub struct RingWriter<'m> {
    ring: RingWords<'m>,
    /// The end of the last entry. Positions count bytes and only grow; a position modulo the ring's length is a place.
    position: u64,
    /// The greatest tail that was read. The reader only moves the tail forward, at most up to `position`.
    tail: u64,
    /// The bytes of the ring that may be used, from its start.
    limit: usize,
    may_grow: bool,
    /// The length of the longest frame, its own length included.
    max_frame: usize,
}

/// Gives a ring back whose writer does nothing any more; see [`RingWriter::release`].
pub fn release(ring: RingWords<'_>) {
    // Release: whoever sees it sees the last position and all counts.
    ring.released.store(1, Release);
}

/// The place of the next entry. It is valid until the next commit.
#[derive(Debug)]
#[must_use]
pub struct Place {
    position: u64,
    /// The longest frame that fits.
    frame: usize,
}

/// Why there is no room for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// The reader has not read enough.
    Full,
    /// The ring has more pages, which are not usable yet; see [`RingWriter::extend`].
    Unextended,
    /// The frame is longer than [`RingWriter::max_frame`].
    TooLong,
    /// The reader has given this ring up, or somebody has written over its words. It can never be used again.
    Broken,
}

impl<'m> RingWriter<'m> {
    /// Goes on in a ring that was claimed. Its first `limit` bytes may be used.
    pub fn new(ring: RingWords<'m>, limit: usize) -> Self {
        let size = size_of_val(ring.data);
        // A tail that makes no sense becomes a position that is not the tail: `room` then finds the ring broken.
        let position = ring.tail.load(Acquire) & POSITION_BITS;
        let mut writer = Self {
            ring,
            position,
            tail: position,
            limit: limit.min(size),
            may_grow: limit < size,
            max_frame: 0,
        };
        writer.set_max_frame();
        writer
    }

    /// Returns the length of the longest frame, its own length included: a quarter of the ring, or of what it has if it
    /// cannot be extended any more.
    #[inline]
    pub fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Returns the bytes of the ring that may be used.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Lets more of the ring be used, up to `limit` bytes.
    pub fn extend(&mut self, limit: usize) {
        let size = size_of_val(self.ring.data);
        self.limit = limit.clamp(self.limit, size);
        self.may_grow = self.limit < size;
        self.set_max_frame();
    }

    /// The ring cannot be extended: it stays as long as it is.
    pub fn stop_growing(&mut self) {
        self.may_grow = false;
        self.set_max_frame();
    }

    /// Finds room for a frame of this many bytes. Changes nothing in the memory.
    ///
    /// # Errors
    ///
    /// Returns an error if there is none at this moment, or never.
    #[inline(always)]
    pub fn room(&mut self, frame: usize) -> Result<Place, NoRoom> {
        let size = size_of_val(self.ring.data);
        // Acquire: the reader's loads of the bytes before its tail precede the stores of new bytes there.
        let tail = self.ring.tail.load(Acquire);
        // A tail beyond the position wraps round, so one comparison finds that and a tail that went back. Somebody who
        // moves the tail to and fro could otherwise keep a waiting thread busy for ever.
        let used = self.position.wrapping_sub(tail);
        if used > self.position - self.tail {
            return Err(NoRoom::Broken);
        }
        self.tail = tail;
        // At most the ring's size, because a place is found only within that.
        let used = used as usize;
        let need = entry_bytes(frame);
        let at = self.place();
        if frame > self.max_frame {
            return Err(NoRoom::TooLong);
        }
        if self.has_pages(at, need) && (used > 0 || at < RESTART) {
            return match used + need <= size {
                true => Ok(self.after(0, frame)),
                false => Err(NoRoom::Full),
            };
        }
        self.room_after_jump(frame, used)
    }

    /// Finds room at the ring's start: the frame does not fit before its end, or the ring is empty.
    #[cold]
    fn room_after_jump(&self, frame: usize, used: usize) -> Result<Place, NoRoom> {
        let size = size_of_val(self.ring.data);
        let (at, need) = (self.place(), entry_bytes(frame));
        let skipped = size - at;
        let fits_at_start = at > 0 && self.has_pages(0, need) && used + skipped + need <= size;
        if used == 0 && fits_at_start {
            return Ok(self.after(skipped, frame));
        }
        if self.has_pages(at, need) {
            return Ok(self.after(0, frame));
        }
        // Growing comes before going round: a burst then finds the whole ring.
        match self.may_grow {
            true => Err(NoRoom::Unextended),
            false if fits_at_start => Ok(self.after(skipped, frame)),
            false => Err(NoRoom::Full),
        }
    }

    /// Writes an entry and makes it visible. The frame may be shorter than the one that the place was found for.
    #[inline(always)]
    pub fn commit(&mut self, place: Place, order: u64, frame: &[u8]) {
        debug_assert!(frame.len() <= place.frame, "a frame longer than its place");
        // A longer one would reach into entries that are not read yet.
        let frame = &frame[..frame.len().min(place.frame)];
        let data = self.ring.data;
        let mask = size_of_val(data) - 1;
        if place.position != self.position {
            data[self.place() / WORD].store(JUMP, Relaxed);
        }
        let at = (place.position as usize & mask) / WORD;
        let (entry, length) = (&data[at..], entry_bytes(frame.len()));
        let Some((first, words)) = entry.split_first() else {
            return;
        };
        first.store(order, Relaxed);
        let (chunks, rest) = frame.as_chunks();
        for (word, chunk) in words.iter().zip(chunks) {
            word.store(u64::from_ne_bytes(*chunk), Relaxed);
        }
        if let (false, Some(word)) = (rest.is_empty(), words.get(chunks.len())) {
            word.store(last_word(frame, rest.len()), Relaxed);
        }
        self.position = place.position + length as u64;
        // Release: whoever sees the position sees the entry, and the jump before it.
        self.ring.head.store(self.position, Release);
    }

    /// Adds dropped records of one level, 1 for error to 5 for trace.
    pub fn add_dropped(&self, level: usize, count: u64) {
        if let Some(word) = level
            .checked_sub(1)
            .and_then(|at| self.ring.dropped.get(at))
        {
            word.fetch_add(count, Relaxed);
        }
    }

    /// Gives the ring back. The reader frees it once it has dispatched everything.
    pub fn release(self) {
        release(self.ring);
    }

    /// Returns the end of the last entry.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns the words of the ring, for waiting.
    pub fn words(&self) -> RingWords<'m> {
        self.ring
    }

    fn set_max_frame(&mut self) {
        self.max_frame = max_frame(match self.may_grow {
            true => size_of_val(self.ring.data),
            false => self.limit,
        });
    }

    /// Whether an entry may stand here: with place for a jump after it, for which no pages are taken.
    #[inline]
    fn has_pages(&self, at: usize, need: usize) -> bool {
        at + need < self.limit || at + need == size_of_val(self.ring.data)
    }

    fn place(&self) -> usize {
        self.position as usize & (size_of_val(self.ring.data) - 1)
    }

    fn after(&self, skipped: usize, frame: usize) -> Place {
        Place {
            position: self.position + skipped as u64,
            frame,
        }
    }
}

/// Returns the last `length` of the bytes, 1 to 7 of them, as a word that begins with them.
#[inline]
fn last_word(bytes: &[u8], length: usize) -> u64 {
    let word = match bytes.last_chunk() {
        // Shorter than a copy of a length that varies.
        Some(last) => u64::from_le_bytes(*last) >> (8 * (WORD - length)),
        None => {
            let mut last = [0; WORD];
            last[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(last)
        }
    };
    word.to_le()
}
