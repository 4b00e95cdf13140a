//! `Reassembler`: joins fragments to the payload that they were cut from.

use std::{collections::BTreeMap, fmt};

use super::fragment::Fragment;

/// The most bytes that a [`Reassembler`] holds by default: 4 MiB.
pub const DEFAULT_REASSEMBLY_LIMIT: usize = 4 * 1024 * 1024;

/// The default length of the longest record in fragments: 384 KiB of payload.
///
/// The records of `pipe-handler` have at most 320 KiB by default. The limit bounds the time that one record takes:
/// decoding and escaping 384 KiB takes up to 2 ms on a Xeon of 2 cores if nearly all of it are controls, and less than
/// 1 ms otherwise.
pub const DEFAULT_RECORD_LIMIT: usize = 384 * 1024;

/// The bytes that an unfinished record counts in addition to its own: its entries and its smallest allocation, rounded
/// up.
const OPEN_OVERHEAD: usize = 256;

/// The most memory in bytes that is kept for the next record.
const MAX_SPARE: usize = 128 * 1024;

/// Joins fragments to payloads, within a bound on memory that holds whatever the fragments contain.
///
/// If an unfinished record would exceed the bound, the unfinished records that began first are given up first. A single
/// record that is longer than the [longest record](Self::with_record_limit) is rejected, and no other is given up for
/// it. [`push`](Self::push) returns the result of each fragment. [`evicted`](Self::evicted) counts the records that
/// were given up to stay within the bound, and [`open`](Self::open) counts the unfinished ones.
///
/// ```
/// use record_proto::{Progress, Reassembler, Rejected, split};
///
/// let mut reassembler = Reassembler::new().with_limit(64 * 1024);
/// let pieces: Vec<_> = split(&[7; 9000], None, 1, 4096).collect();
/// assert_eq!(reassembler.push(&pieces[1]), Progress::Rejected(Rejected::NoStart));
/// assert_eq!(reassembler.push(&pieces[0]), Progress::Incomplete);
/// assert_eq!(reassembler.push(&pieces[1]), Progress::Incomplete);
/// assert_eq!(reassembler.push(&pieces[2]), Progress::Complete(vec![7; 9000]));
/// ```
#[derive(Debug)]
pub struct Reassembler {
    limit: usize,
    record_limit: usize,
    held: usize,
    evicted: u64,
    opened: u64,
    /// The unfinished records. A tree, because it frees memory as it empties.
    open: BTreeMap<Key, OpenRecord>,
    /// The keys of `open`, by the order in which their records began.
    oldest: BTreeMap<u64, Key>,
    /// Memory that was taken back for the next record.
    spare: Vec<u8>,
}

/// The pid and stream of a fragment.
type Key = (Option<u64>, u64);

#[derive(Debug)]
struct OpenRecord {
    /// The key in `oldest`: counts the records that began before.
    number: u64,
    /// The index of the fragment that is due.
    next: u64,
    bytes: Vec<u8>,
}

/// The result of pushing one fragment; see [`Reassembler`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The fragment's record is not whole yet.
    Incomplete,
    /// The fragment was the last one; this is the payload of its record.
    Complete(Vec<u8>),
    /// The fragment belongs to no record that can still become whole.
    Rejected(Rejected),
}

/// The reason why a fragment was rejected; see [`Reassembler`] for an example.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The first fragment of the record never arrived, or the record was given up or rejected.
    #[error("fragment of a record whose start has not come")]
    NoStart,
    /// The index of the fragment is not the next one. The record is given up.
    #[error("fragment {found} came when {expected} was due; its record is given up")]
    OutOfOrder {
        /// The index that was due.
        expected: u64,
        /// The index that arrived.
        found: u64,
    },
    /// The record alone exceeds one of the limits. It is given up, and its later fragments are
    /// [`NoStart`](Self::NoStart).
    #[error("record of more than {limit} bytes in fragments; it is given up")]
    TooLong {
        /// The longest record in bytes.
        limit: usize,
    },
}

impl Reassembler {
    /// Creates a reassembler that holds at most [`DEFAULT_REASSEMBLY_LIMIT`] bytes, and joins records of at most
    /// [`DEFAULT_RECORD_LIMIT`] bytes.
    pub fn new() -> Self {
        Self {
            limit: DEFAULT_REASSEMBLY_LIMIT,
            record_limit: DEFAULT_RECORD_LIMIT,
            held: 0,
            evicted: 0,
            opened: 0,
            open: BTreeMap::new(),
            oldest: BTreeMap::new(),
            spare: Vec::new(),
        }
    }

    /// Sets how many bytes may be held. Each unfinished record counts 256 bytes in addition to its own.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets the length of the longest record, in bytes of payload. The default is [`DEFAULT_RECORD_LIMIT`].
    ///
    /// The fragment that makes a record longer is rejected as [too long](Rejected::TooLong), and the record is given
    /// up. Its later fragments are rejected as [without a start](Rejected::NoStart). A record is also too long if it
    /// alone exceeds the [limit](Self::with_limit) of all unfinished records.
    ///
    /// ```
    /// use record_proto::{Progress, Reassembler, Rejected, split};
    ///
    /// let mut reassembler = Reassembler::new().with_record_limit(5000);
    /// let pieces: Vec<_> = split(&[7; 9000], None, 1, 4096).collect();
    /// assert_eq!(reassembler.push(&pieces[0]), Progress::Incomplete);
    /// assert_eq!(reassembler.push(&pieces[1]), Progress::Rejected(Rejected::TooLong { limit: 5000 }));
    /// assert_eq!(reassembler.push(&pieces[2]), Progress::Rejected(Rejected::NoStart));
    /// ```
    #[must_use]
    pub fn with_record_limit(mut self, bytes: usize) -> Self {
        self.record_limit = bytes;
        self
    }

    /// Returns how many bytes may be held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how many records are unfinished.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Returns how many unfinished records were given up to stay within the limit.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Adds a fragment. Index 0 begins a record and discards an unfinished one of the same pid and stream.
    pub fn push(&mut self, fragment: &Fragment<'_>) -> Progress {
        let key = (fragment.pid, fragment.stream);
        let mut open = match (self.take(key), fragment.index) {
            (_, 0) => self.start(),
            (None, _) => return Progress::Rejected(Rejected::NoStart),
            (Some(open), index) if open.next != index => {
                return Progress::Rejected(Rejected::OutOfOrder {
                    expected: open.next,
                    found: index,
                });
            }
            (Some(open), _) => open,
        };
        let length = open.bytes.len() + fragment.bytes.len();
        let longest = self.longest_record();
        let Some(limit) = longest.filter(|&limit| length <= limit) else {
            let limit = longest.unwrap_or(0);
            return Progress::Rejected(Rejected::TooLong { limit });
        };
        if length > open.bytes.capacity() {
            // Doubling stops at the longest record, because it is the capacity that counts against the limit.
            let capacity = match fragment.last {
                true => length,
                false => (2 * length).min(limit),
            };
            self.make_room(cost(capacity));
            open.bytes.reserve_exact(capacity - open.bytes.len());
        }
        open.bytes.extend_from_slice(&fragment.bytes);
        if fragment.last {
            return Progress::Complete(open.bytes);
        }
        open.next += 1;
        self.hold(key, open);
        Progress::Incomplete
    }

    /// Takes back the memory of a [joined](Progress::Complete) payload, so that the next record need not grow its own.
    ///
    /// Memory of more than 128 KiB, or of more than a quarter of the [limit](Self::limit), is freed instead.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    pub fn reuse(&mut self, mut payload: Vec<u8>) {
        let most = MAX_SPARE.min(self.limit / 4);
        if (self.spare.capacity()..=most).contains(&payload.capacity()) {
            payload.clear();
            self.spare = payload;
        }
    }

    /// Returns the length of the longest record that both limits allow; `None` if they allow not even an empty one.
    fn longest_record(&self) -> Option<usize> {
        let room = self.limit.checked_sub(OPEN_OVERHEAD)?;
        Some(room.min(self.record_limit))
    }

    fn start(&mut self) -> OpenRecord {
        self.opened += 1;
        OpenRecord {
            number: self.opened,
            next: 0,
            bytes: std::mem::take(&mut self.spare),
        }
    }

    fn hold(&mut self, key: Key, open: OpenRecord) {
        let cost = cost(open.bytes.capacity());
        self.make_room(cost);
        self.held += cost;
        self.oldest.insert(open.number, key);
        self.open.insert(key, open);
    }

    /// Gives up the oldest records until there is room for this cost.
    fn make_room(&mut self, cost: usize) {
        while self.held + cost > self.limit {
            let Some((_, &oldest)) = self.oldest.first_key_value() else {
                break;
            };
            self.take(oldest);
            self.evicted += 1;
        }
    }

    fn take(&mut self, key: Key) -> Option<OpenRecord> {
        let open = self.open.remove(&key)?;
        self.oldest.remove(&open.number);
        self.held -= cost(open.bytes.capacity());
        Some(open)
    }
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Returns how much a record of this length counts against the limit.
fn cost(length: usize) -> usize {
    length.saturating_add(OPEN_OVERHEAD)
}
