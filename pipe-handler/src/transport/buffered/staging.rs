use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bytes::BytesMut;

use crate::sys::{AtomicU64, zeroes};

/// Bytes of a word.
const WORD: usize = 8;

/// In place of an entry's length: the next entry stands at the start of the ring.
const WRAP: u64 = u64::MAX;

/// A ring of the frames that one thread has logged and the drain has not yet written. It has one writer and one reader,
/// and no lock.
///
/// It consists of words and of two positions that only ever grow: `committed`, moved by the thread, and `drained`,
/// moved by the drain. An entry is a word with its length and as many words as its bytes need, in one piece.
///
/// The words are atomics because two threads share them, and are accessed Relaxed. The thread stores `committed` with
/// Release after it has filled an entry, and the drain loads it with Acquire before it reads the entry. The drain
/// stores `drained` with Release after it has read an entry, and the thread loads it with Acquire before it overwrites
/// the room.
#[derive(Debug)]
pub(crate) struct Staging {
    words: Box<[AtomicU64]>,
    committed: AtomicU64,
    drained: AtomicU64,
    /// Of a thread that is ending, beside the ring that it had.
    is_last: bool,
}

impl Staging {
    /// A ring of `bytes`, rounded up to a power of two; `None` if there is no memory for it.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let words = bytes.div_ceil(WORD).next_power_of_two();
        Some(Self {
            words: zeroes(words)?,
            committed: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            is_last: false,
        })
    }

    /// A ring for these frames only, of a thread that is ending.
    pub(crate) fn of_last(frames: &[u8]) -> Option<Self> {
        let ring = Self {
            is_last: true,
            ..Self::new(2 * frames.len() + WORD)?
        };
        ring.push(frames);
        Some(ring)
    }

    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Acquire)
    }

    pub(crate) fn drained(&self) -> u64 {
        self.drained.load(Acquire)
    }

    /// Whether an entry of so many bytes fits now. For the one thread that writes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let (start, skipped) = self.place(self.committed.load(Relaxed), words_of(bytes));
        let end = start + skipped + words_of(bytes) as u64;
        end - self.drained() <= self.words.len() as u64
    }

    /// Appends an entry, or nothing if it does not fit. For the one thread that writes.
    pub(crate) fn push(&self, entry: &[u8]) -> bool {
        let needed = words_of(entry.len());
        let (committed, skipped) = self.place(self.committed.load(Relaxed), needed);
        let start = committed + skipped;
        let end = start + needed as u64;
        if end - self.drained() > self.words.len() as u64 {
            return false;
        }
        if skipped > 0 {
            self.words[self.index(committed)].store(WRAP, Relaxed);
        }
        let index = self.index(start);
        let [length, words @ ..] = &self.words[index..index + needed] else {
            return false;
        };
        length.store(entry.len() as u64, Relaxed);
        for (word, &bytes) in words.iter().zip(entry.as_chunks().0) {
            word.store(u64::from_ne_bytes(bytes), Relaxed);
        }
        if let Some(word) = words.last() {
            let unused = WORD * words.len() - entry.len();
            word.store(last_word(entry, unused), Relaxed);
        }
        self.committed.store(end, Release);
        true
    }

    /// Appends the entries from `position` up to `committed` to `out`, not many more bytes than `limit`, and returns
    /// the position after them. For the one drain; [`set_drained`](Self::set_drained) frees their room.
    pub(crate) fn copy(
        &self,
        mut position: u64,
        committed: u64,
        limit: usize,
        out: &mut BytesMut,
    ) -> u64 {
        let full = out.len() + limit;
        while position < committed && out.len() < full {
            let index = self.index(position);
            let length = self.words[index].load(Relaxed);
            if length == WRAP {
                position += (self.words.len() - index) as u64;
                continue;
            }
            let length = usize::try_from(length).unwrap_or(0);
            let needed = words_of(length);
            let start = out.len();
            // Whole words are copied; the unused bytes of the last one are cut off below.
            out.resize(start + (needed - 1) * WORD, 0);
            let words = &self.words[index + 1..index + needed];
            let (places, _) = out[start..].as_chunks_mut::<WORD>();
            for (place, word) in places.iter_mut().zip(words) {
                *place = word.load(Relaxed).to_ne_bytes();
            }
            out.truncate(start + length);
            position += needed as u64;
        }
        position
    }

    /// Frees the room before `position`.
    pub(crate) fn set_drained(&self, position: u64) {
        self.drained.store(position, Release);
    }

    /// Returns the place of an entry of `needed` words: at `committed`, plus the number of words to skip if the entry
    /// would not be in one piece before the end of the ring.
    fn place(&self, committed: u64, needed: usize) -> (u64, u64) {
        let behind = self.words.len() - self.index(committed);
        let skipped = if behind < needed { behind as u64 } else { 0 };
        (committed, skipped)
    }

    fn index(&self, position: u64) -> usize {
        // The length of the ring is a power of two, so the bits that the cast cuts off do not matter.
        position as usize & (self.words.len() - 1)
    }
}

/// The word at the end of an entry, of which so many bytes are unused.
#[inline]
fn last_word(entry: &[u8], unused: usize) -> u64 {
    // The whole word that ends with the entry, shifted: no byte is copied by itself.
    if let Some(&bytes) = entry.last_chunk() {
        return (u64::from_le_bytes(bytes) >> (8 * unused)).to_le();
    }
    let mut bytes = [0; WORD];
    bytes[..entry.len()].copy_from_slice(entry);
    u64::from_ne_bytes(bytes)
}

fn words_of(bytes: usize) -> usize {
    1 + bytes.div_ceil(WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_as_they_went_in_however_often_the_ring_wraps() {
        let staging = Staging::new(1024).unwrap();
        let mut position = 0;
        for round in 0..1000_usize {
            let entries: Vec<Vec<u8>> = (0..3)
                .map(|n| vec![(round + n) as u8; (round * 7 + n * 13) % 200])
                .collect();
            for entry in &entries {
                assert!(staging.push(entry));
            }
            let mut out = BytesMut::new();
            position = staging.copy(position, staging.committed(), usize::MAX / 2, &mut out);
            staging.set_drained(position);
            assert_eq!(out, entries.concat());
        }
    }

    #[test]
    fn an_entry_of_any_length_comes_out_as_it_went_in() {
        for length in 0..=40_u8 {
            let staging = Staging::new(256).unwrap();
            let entry: Vec<u8> = (200..200 + length).collect();
            assert!(staging.push(&entry) && staging.push(b"behind"));
            let mut out = BytesMut::new();
            staging.copy(0, staging.committed(), usize::MAX / 2, &mut out);
            assert_eq!(out, [&entry, &b"behind"[..]].concat());
        }
    }

    #[test]
    fn a_full_ring_takes_nothing_until_it_is_drained() {
        let staging = Staging::new(1024).unwrap();
        let fitted = std::iter::repeat_with(|| staging.push(&[1; 56]))
            .take_while(|&fitted| fitted)
            .count();
        assert_eq!(fitted, 1024 / 64);
        assert!(!staging.has_room(1));
        let mut out = BytesMut::new();
        let position = staging.copy(0, staging.committed(), 100, &mut out);
        assert!(!staging.push(b"x"), "copied is not drained");
        staging.set_drained(position);
        assert!(staging.has_room(56) && staging.push(&[2; 56]));
    }

    #[test]
    fn a_writer_and_a_drain_at_the_same_time_lose_nothing() {
        let staging = Staging::new(4096).unwrap();
        let total = 200_000_u32;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..total {
                    let entry = vec![n as u8; n as usize % 60];
                    while !staging.push(&[&n.to_ne_bytes()[..], &entry].concat()) {
                        std::thread::yield_now();
                    }
                }
            });
            let (mut position, mut next, mut out) = (0, 0, BytesMut::new());
            while next < total {
                position = staging.copy(position, staging.committed(), 1000, &mut out);
                staging.set_drained(position);
                while !out.is_empty() {
                    let entry = out.split_to(4 + next as usize % 60);
                    assert_eq!(entry[..4], next.to_ne_bytes());
                    assert!(entry[4..].iter().all(|&byte| byte == next as u8));
                    next += 1;
                }
                std::thread::yield_now();
            }
        });
    }
}
