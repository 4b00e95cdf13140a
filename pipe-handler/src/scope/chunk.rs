//! `Chunk`: memory for kept records, which one thread appends to while others may read it.

use std::sync::{
    Arc, Weak,
    atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use log::Level;

use super::budget::Charge;
use crate::record::RecordWriter;
use crate::sys::AtomicU64;

/// The words in front of each record: length and level, and the time by which it is merged with those of other chunks.
const HEAD: usize = 2;

/// Memory for kept records.
///
/// A record is a head of two words and its encoded fields, padded to whole words. One thread appends, through its
/// [`OpenChunk`]: it writes the words of a record, and then publishes their number. Nothing is ever overwritten, so
/// readers need no lock: the words up to the published number never change.
#[derive(Debug)]
pub(super) struct Chunk {
    words: Box<[AtomicU64]>,
    /// The number of words and, from bit 32 on, the number of records.
    published: AtomicU64,
    /// The time of the last record, while no thread appends.
    last_time: AtomicU64,
    /// Whether a thread appends. Only that thread clears it; it is set under the lock of the hold.
    is_open: AtomicBool,
    pub(super) writer: Weak<RecordWriter>,
    /// The session that the records belong to.
    pub(super) instance: u32,
    _charge: Charge,
}

/// How much of a chunk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    pub(super) words: usize,
    pub(super) records: u64,
}

/// A chunk that this thread appends to.
pub(super) struct OpenChunk {
    chunk: Arc<Chunk>,
    /// Identifies the hold.
    hold: u64,
    extent: Extent,
    last_time: u64,
    /// Whether the thread closes it after one record, because others must be able to make room in it.
    pub(super) is_for_one_record: bool,
}

/// A record to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) level: Level,
    pub(super) time: u64,
    pub(super) fields: &'a [u8],
}

impl Item<'_> {
    /// Returns how many words the record takes.
    #[inline]
    pub(super) fn words(&self) -> usize {
        HEAD + self.fields.len().div_ceil(8)
    }
}

impl Chunk {
    pub(super) fn new(
        words: usize,
        writer: Weak<RecordWriter>,
        instance: u32,
        charge: Charge,
    ) -> Self {
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            published: AtomicU64::new(0),
            last_time: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            writer,
            instance,
            _charge: charge,
        }
    }

    /// Makes an empty chunk of one that nobody uses any more.
    pub(super) fn reuse(&mut self, writer: Weak<RecordWriter>, instance: u32) {
        *self.published.get_mut() = 0;
        *self.last_time.get_mut() = 0;
        (self.writer, self.instance) = (writer, instance);
    }

    pub(super) fn is_of(&self, writer: &RecordWriter, instance: u32) -> bool {
        std::ptr::eq(self.writer.as_ptr(), writer) && self.instance == instance
    }

    /// Whether a thread appends to it. It may then be read, and must not be removed.
    pub(super) fn is_open(&self) -> bool {
        // Acquire pairs with the Release by which the thread closes it: all of its records are visible.
        self.is_open.load(Acquire)
    }

    pub(super) fn capacity(&self) -> usize {
        self.words.len()
    }

    /// Returns how much of it can be read.
    pub(super) fn extent(&self) -> Extent {
        // Acquire pairs with the Release in `OpenChunk::append`: the words are visible.
        let published = self.published.load(Acquire);
        Extent {
            words: (published & u64::from(u32::MAX)) as usize,
            records: published >> 32,
        }
    }

    /// Calls `f` with level, time and fields of each record from one extent to another. The fields are whole words:
    /// `f` gets the length too.
    pub(super) fn read(&self, from: Extent, to: Extent, mut f: impl FnMut(Stored<'_>)) {
        let mut at = from.words;
        while at < to.words {
            // Relaxed: `extent` has made the words visible.
            let head = self.words[at].load(Relaxed);
            let length = (head & u64::from(u32::MAX)) as usize;
            let end = at + HEAD + length.div_ceil(8);
            f(Stored {
                level: level_of(head >> 32),
                time: self.words[at + 1].load(Relaxed),
                words: &self.words[at + HEAD..end],
                length,
            });
            at = end;
        }
    }

    /// Lets this thread append. Call it under the lock of the hold, for a chunk that is not open.
    pub(super) fn open(self: &Arc<Self>, hold: u64, is_for_one_record: bool) -> OpenChunk {
        self.is_open.store(true, Relaxed);
        OpenChunk {
            extent: self.extent(),
            last_time: self.last_time.load(Relaxed),
            chunk: Arc::clone(self),
            hold,
            is_for_one_record,
        }
    }
}

/// A record in a chunk.
pub(super) struct Stored<'a> {
    pub(super) level: Level,
    pub(super) time: u64,
    words: &'a [AtomicU64],
    length: usize,
}

impl Stored<'_> {
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len() + self.length;
        for word in self.words {
            bytes.extend_from_slice(&word.load(Relaxed).to_le_bytes());
        }
        bytes.truncate(end);
    }
}

impl OpenChunk {
    #[inline]
    pub(super) fn is_of(&self, hold: u64, writer: &RecordWriter, instance: u32) -> bool {
        self.hold == hold && self.chunk.is_of(writer, instance)
    }

    /// Returns the time of the last record, if the chunk is one of this hold.
    pub(super) fn last_time_in(&self, hold: u64) -> u64 {
        match self.hold == hold {
            true => self.last_time,
            false => 0,
        }
    }

    /// Lets the records come after others of the same thread.
    pub(super) fn follow(&mut self, last_time: u64) {
        self.last_time = self.last_time.max(last_time);
    }

    /// Appends a record. Returns `false` if there is no room.
    #[inline]
    pub(super) fn append(&mut self, item: Item<'_>) -> bool {
        let start = self.extent.words;
        let end = start + item.words();
        let Some([length, time, fields @ ..]) = self.chunk.words.get(start..end) else {
            return false;
        };
        // A clock that was set back must not change the order of one thread's records.
        self.last_time = self.last_time.max(item.time);
        length.store(
            item.fields.len() as u64 | (item.level as u64) << 32,
            Relaxed,
        );
        time.store(self.last_time, Relaxed);
        copy(item.fields, fields);
        self.extent.words = end;
        self.extent.records += 1;
        // Release publishes the words to a thread that loads their number with Acquire.
        let published = end as u64 | self.extent.records << 32;
        self.chunk.published.store(published, Release);
        true
    }
}

/// Copies bytes to words, eight words at a time.
#[inline(always)]
fn copy(bytes: &[u8], words: &[AtomicU64]) {
    let store = |word: &AtomicU64, eight: &[u8; 8]| {
        word.store(u64::from_le_bytes(*eight), Relaxed);
    };
    let (eights, rest) = bytes.as_chunks::<8>();
    let (blocks, others) = eights.as_chunks::<8>();
    for (words, eights) in words.as_chunks::<8>().0.iter().zip(blocks) {
        for at in 0..8 {
            store(&words[at], &eights[at]);
        }
    }
    for (word, eight) in words[blocks.len() * 8..].iter().zip(others) {
        store(word, eight);
    }
    // The last word overlaps the one before it. Shorter records than a word do not occur.
    if let (Some(last), Some(eight), 1..) = (words.last(), bytes.last_chunk(), rest.len()) {
        last.store(u64::from_le_bytes(*eight) >> (64 - 8 * rest.len()), Relaxed);
    }
}

impl Drop for OpenChunk {
    fn drop(&mut self) {
        self.chunk.last_time.store(self.last_time, Relaxed);
        // Release pairs with the Acquire in `is_open`: whoever removes or opens the chunk sees all of its records.
        self.chunk.is_open.store(false, Release);
    }
}

fn level_of(number: u64) -> Level {
    let mut levels = Level::iter();
    levels
        .find(|&level| level as u64 == number)
        .unwrap_or(Level::Trace)
}
