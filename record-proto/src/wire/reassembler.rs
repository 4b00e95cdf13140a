use std::{collections::BTreeMap, fmt};

use super::fragment::Fragment;

/// The most bytes that a [`Reassembler`] holds unless told otherwise: 4 MiB.
pub const DEFAULT_REASSEMBLY_LIMIT: usize = 4 * 1024 * 1024;

/// What an open record costs beside its bytes: its entry and its smallest allocation, rounded up.
const COST_OF_OPEN: usize = 256;

/// The most memory that is kept for the next record.
const MOST_KEPT: usize = 128 * 1024;

/// Puts fragments together again, within a bound on memory whatever they say.
///
/// Where an unfinished record would exceed the bound, the one that has been waiting longest is given up first; a
/// single record longer than the bound is given up itself. What becomes of each fragment is returned, and
/// [`evicted`](Self::evicted) and [`open`](Self::open) count what is lost and what is unfinished.
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
    held: usize,
    evicted: u64,
    opened: u64,
    /// A tree, because it gives memory back as it empties.
    open: BTreeMap<Key, Open>,
    /// The keys of `open` by the number under which they were opened.
    oldest: BTreeMap<u64, Key>,
    /// Memory for the next record.
    spare: Vec<u8>,
}

type Key = (Option<u64>, u64);

#[derive(Debug)]
struct Open {
    number: u64,
    next: u64,
    bytes: Vec<u8>,
}

/// What became of a fragment; see [`Reassembler`] for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Its record is not whole yet.
    Incomplete,
    /// It was the last one; here is the record's payload.
    Complete(Vec<u8>),
    /// It belongs to no record that can still become whole.
    Rejected(Rejected),
}

/// Why a fragment was of no use; see [`Reassembler`] for an example.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The record's first fragment never came, or the record was given up.
    #[error("fragment of a record whose start has not come")]
    NoStart,
    /// Its index does not follow; the record is given up.
    #[error("fragment {found} came when {expected} was due; its record is given up")]
    OutOfOrder {
        /// The index that was due.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// The record alone exceeds the limit; it is given up.
    #[error("record of more than {limit} bytes in fragments; it is given up")]
    TooLong {
        /// The reassembler's limit in bytes.
        limit: usize,
    },
}

impl Reassembler {
    /// A reassembler that holds at most [`DEFAULT_REASSEMBLY_LIMIT`] bytes.
    pub fn new() -> Self {
        Self {
            limit: DEFAULT_REASSEMBLY_LIMIT,
            held: 0,
            evicted: 0,
            opened: 0,
            open: BTreeMap::new(),
            oldest: BTreeMap::new(),
            spare: Vec::new(),
        }
    }

    /// Sets how many bytes may be held, counting 256 for each open record beside its own.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// How many bytes may be held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many records are unfinished.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// How many unfinished records were given up to stay within the limit.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes a fragment in. Index 0 discards what was open under the same pid and stream.
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
        if cost(length) > self.limit {
            self.evicted += 1;
            return Progress::Rejected(Rejected::TooLong { limit: self.limit });
        }
        if length > open.bytes.capacity() {
            // Doubled, but never beyond the limit: the capacity is what is counted.
            let capacity = match fragment.last {
                true => length,
                false => (2 * length).min(self.limit - COST_OF_OPEN),
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

    /// Takes back what was [joined](Progress::Complete), so that the next record need not grow its memory anew. Of more than
    /// 128 KiB, or a quarter of the [limit](Self::limit), nothing is kept.
    pub fn reuse(&mut self, mut payload: Vec<u8>) {
        let most = MOST_KEPT.min(self.limit / 4);
        if (self.spare.capacity()..=most).contains(&payload.capacity()) {
            payload.clear();
            self.spare = payload;
        }
    }

    fn start(&mut self) -> Open {
        self.opened += 1;
        Open {
            number: self.opened,
            next: 0,
            bytes: std::mem::take(&mut self.spare),
        }
    }

    fn hold(&mut self, key: Key, open: Open) {
        let cost = cost(open.bytes.capacity());
        self.make_room(cost);
        self.held += cost;
        self.oldest.insert(open.number, key);
        self.open.insert(key, open);
    }

    /// Gives up the oldest records until another one of this cost can be held.
    fn make_room(&mut self, cost: usize) {
        while self.held + cost > self.limit {
            let Some((_, &oldest)) = self.oldest.first_key_value() else {
                break;
            };
            self.take(oldest);
            self.evicted += 1;
        }
    }

    fn take(&mut self, key: Key) -> Option<Open> {
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

fn cost(length: usize) -> usize {
    length.saturating_add(COST_OF_OPEN)
}
