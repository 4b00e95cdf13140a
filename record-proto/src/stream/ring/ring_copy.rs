//! `RingCopy`: the entries of a ring that come next, copied out of it.

use super::atomic::{AtomicU64, Ordering::Relaxed};
use super::entry::{JUMP, WORD, entry_bytes, max_frame};

/// The most bytes that are copied at once.
const LENGTH: usize = 4096;

/// The next bytes of a ring, in memory of the reader's own: what the writer changes after the copy has no effect.
///
/// Several entries are copied at once, which takes less time than copying each one by itself.
#[derive(Debug, Default)]
pub(super) struct RingCopy {
    /// Allocated for the first copy, so that a ring that is not used costs no memory.
    bytes: Box<[u8]>,
    /// The copied bytes that were not taken are those from `start` to `end`.
    start: usize,
    end: usize,
}

impl RingCopy {
    /// Returns order word and length of the frame of the next entry, if all of it was copied.
    ///
    /// Whatever precedes the end of the copy precedes the writer's position and the end of the ring.
    #[inline(always)]
    pub(super) fn whole_entry(&self) -> Option<(u64, usize)> {
        let (order, frame) = self.beginning()?;
        // The copy has whole words, as an entry has.
        let is_whole = order != JUMP && frame <= self.end - self.start - WORD;
        is_whole.then_some((order, frame))
    }

    /// Returns order word and length of the frame of the next entry, if they were copied. The length can be any.
    #[inline(always)]
    pub(super) fn beginning(&self) -> Option<(u64, usize)> {
        let rest = self.bytes.get(self.start..self.end)?;
        let (order, frame) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*frame.first_chunk()?) as usize;
        Some((u64::from_ne_bytes(*order), length.saturating_add(4)))
    }

    /// Takes the next entry, all of which was copied, and returns its frame of this length.
    #[inline(always)]
    pub(super) fn take(&mut self, frame: usize) -> &[u8] {
        let begin = self.start + WORD;
        self.start += entry_bytes(frame);
        &self.bytes[begin..begin + frame]
    }

    /// Copies the first of these words, in place of everything that is left of earlier copies.
    pub(super) fn fill(&mut self, words: &[AtomicU64], ring_bytes: usize) {
        if self.bytes.is_empty() {
            // An entry that fits in the copy is not longer than an entry may be.
            self.bytes = vec![0; LENGTH.min(entry_bytes(max_frame(ring_bytes)))].into();
        }
        let (chunks, _) = self.bytes.as_chunks_mut();
        // Relaxed: the writer's position, which was loaded before, made the words visible.
        for (chunk, word) in chunks.iter_mut().zip(words) {
            *chunk = word.load(Relaxed).to_ne_bytes();
        }
        (self.start, self.end) = (0, self.bytes.len().min(WORD * words.len()));
    }

    /// Forgets what is left.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}
