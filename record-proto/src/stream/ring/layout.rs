//! `Layout`: how many rings a buffer has, how long they are, and the places of all words.

use super::atomic::{AtomicU64, Ordering::Relaxed};
use super::header::Header;
use super::ring_words::RingWords;

/// The first word, as the machine that made the buffer stores it. The bytes are "RECRING" and a zero on a little-endian
/// machine. A reader that sees them reversed has the other byte order.
const MAGIC: u64 = 0x0047_4e49_5243_4552;
const LAYOUT: u64 = 1;

const WORD: usize = size_of::<u64>();
const PAGE: usize = 4096;
/// The heads of the rings begin after the first page.
const HEADS: usize = PAGE;
const RING_HEAD: usize = 256;

/// One bit of a word for each ring.
const MAX_RINGS: usize = 64;
const MIN_RING: usize = 32 * 1024;
const MAX_RING: usize = 1 << 30;
/// More rings than this are not made, so that their heads have one page.
const USUAL_RINGS: usize = 16;

/// An empty ring is begun again at its start once this many bytes of it were used, so that a process that logs now and
/// then uses few pages.
pub(super) const RESTART: usize = 8 * 1024;

/// The places of the words in the header, in words.
mod header_at {
    pub(super) const MAGIC: usize = 0;
    pub(super) const LAYOUT: usize = 1;
    pub(super) const RINGS: usize = 2;
    pub(super) const RING_BYTES: usize = 3;
    // Each of these has a cache line, and the neighbour of that, of its own.
    pub(super) const BELL: usize = 64 / super::WORD;
    pub(super) const TICKS: usize = BELL + 1;
    pub(super) const TICKET: usize = 256 / super::WORD;
    pub(super) const CLAIMED: usize = 384 / super::WORD;
}

/// The places of the words in the head of a ring, in words.
mod ring_at {
    pub(super) const HEAD: usize = 0;
    pub(super) const WAITING: usize = 1;
    pub(super) const OWNER: usize = 64 / super::WORD;
    pub(super) const RELEASED: usize = OWNER + 1;
    pub(super) const DROPPED: usize = OWNER + 2;
    pub(super) const TAIL: usize = 128 / super::WORD;
    pub(super) const DISPATCHED: usize = 192 / super::WORD;
    pub(super) const AWAITED: usize = DISPATCHED + 1;
}

/// How many rings a buffer has, and how long they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    rings: usize,
    ring_bytes: usize,
}

/// Why a memory is no buffer that this version can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The memory does not begin with a buffer's magic number, or has another byte order.
    #[error("it does not begin as a shared buffer of this byte order does")]
    Magic,
    /// The buffer has a later layout.
    #[error("its layout has the number {0}; 1 is known")]
    Version(u64),
    /// The numbers of the header do not fit each other or the memory.
    #[error("{rings} rings of {ring_bytes} bytes do not make a buffer of {bytes} bytes")]
    Size {
        /// The number of rings.
        rings: u64,
        /// The length of a ring.
        ring_bytes: u64,
        /// The length of the memory.
        bytes: usize,
    },
}

impl Layout {
    /// Returns the layout whose rings have together at most `bytes`, or `None` if that is less than 32 KiB.
    pub fn within(bytes: usize) -> Option<Self> {
        let longest = (bytes / USUAL_RINGS).clamp(MIN_RING, MAX_RING);
        // The greatest power of two that is not above it.
        let ring_bytes = 1 << longest.ilog2();
        let rings = (bytes / ring_bytes).min(USUAL_RINGS);
        (rings > 0).then_some(Self { rings, ring_bytes })
    }

    /// Reads the layout of a buffer that another process has made.
    ///
    /// # Errors
    ///
    /// Returns an error if these words are no buffer, or not one of this version.
    pub fn read(words: &[AtomicU64]) -> Result<Self, LayoutError> {
        let word = |at: usize| words.get(at).map_or(0, |word| word.load(Relaxed));
        if word(header_at::MAGIC) != MAGIC {
            return Err(LayoutError::Magic);
        }
        match word(header_at::LAYOUT) {
            LAYOUT => {}
            other => return Err(LayoutError::Version(other)),
        }
        let (rings, ring_bytes) = (word(header_at::RINGS), word(header_at::RING_BYTES));
        let error = LayoutError::Size {
            rings,
            ring_bytes,
            bytes: words.len() * WORD,
        };
        let (Ok(rings), Ok(ring_bytes)) = (usize::try_from(rings), usize::try_from(ring_bytes))
        else {
            return Err(error);
        };
        let is_sound = (1..=MAX_RINGS).contains(&rings)
            && (MIN_RING..=MAX_RING).contains(&ring_bytes)
            && ring_bytes.is_power_of_two();
        let layout = Self { rings, ring_bytes };
        match is_sound && layout.bytes() == words.len() * WORD {
            true => Ok(layout),
            false => Err(error),
        }
    }

    /// Writes the layout into a new buffer, all of whose words are 0.
    ///
    /// # Panics
    ///
    /// Panics if `words` has another length than [`bytes`](Self::bytes).
    pub fn write(self, words: &[AtomicU64]) {
        assert_eq!(words.len() * WORD, self.bytes());
        words[header_at::LAYOUT].store(LAYOUT, Relaxed);
        words[header_at::RINGS].store(self.rings as u64, Relaxed);
        words[header_at::RING_BYTES].store(self.ring_bytes as u64, Relaxed);
        self.header(words).begin();
        // No ordering is needed: the buffer is handed over by starting a process.
        words[header_at::MAGIC].store(MAGIC, Relaxed);
    }

    /// Returns the length of the whole buffer in bytes.
    pub fn bytes(self) -> usize {
        self.data_begin() + self.rings * self.ring_bytes
    }

    /// Returns the number of rings.
    pub fn rings(self) -> usize {
        self.rings
    }

    /// Returns the length of a ring in bytes.
    pub fn ring_bytes(self) -> usize {
        self.ring_bytes
    }

    /// Returns the words of the whole buffer.
    ///
    /// # Panics
    ///
    /// Panics if `words` is shorter than [`bytes`](Self::bytes).
    pub fn header(self, words: &[AtomicU64]) -> Header<'_> {
        Header {
            bell: &words[header_at::BELL],
            ticks: &words[header_at::TICKS],
            ticket: &words[header_at::TICKET],
            claimed: &words[header_at::CLAIMED],
        }
    }

    /// Returns the words of one ring.
    ///
    /// # Panics
    ///
    /// Panics if there is no such ring, or if `words` is shorter than [`bytes`](Self::bytes).
    #[inline]
    pub fn ring(self, words: &[AtomicU64], index: usize) -> RingWords<'_> {
        assert!(index < self.rings, "ring {index} of {}", self.rings);
        let head = &words[(HEADS + index * RING_HEAD) / WORD..][..RING_HEAD / WORD];
        RingWords {
            head: &head[ring_at::HEAD],
            waiting: &head[ring_at::WAITING],
            owner: &head[ring_at::OWNER],
            released: &head[ring_at::RELEASED],
            dropped: &head[ring_at::DROPPED..][..5],
            tail: &head[ring_at::TAIL],
            dispatched: &head[ring_at::DISPATCHED],
            awaited: &head[ring_at::AWAITED],
            data: self.data(words, index),
        }
    }

    /// Returns the words of one ring that hold its entries.
    ///
    /// # Panics
    ///
    /// As for [`ring`](Self::ring).
    #[inline]
    pub(super) fn data(self, words: &[AtomicU64], index: usize) -> &[AtomicU64] {
        let begin = (self.data_begin() + index * self.ring_bytes) / WORD;
        &words[begin..][..self.ring_bytes / WORD]
    }

    /// Returns where the first ring begins in the buffer, in bytes. Rings begin at pages.
    pub fn data_begin(self) -> usize {
        HEADS + (self.rings * RING_HEAD).next_multiple_of(PAGE)
    }
}
