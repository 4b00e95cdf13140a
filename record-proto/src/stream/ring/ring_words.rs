//! `RingWords`: the words of one ring.

use super::atomic::AtomicU64;

/// The words of one ring.
#[derive(Debug, Clone, Copy)]
pub struct RingWords<'m> {
    /// The end of the last entry; moved by the writer.
    pub head: &'m AtomicU64,
    /// Not 0 if the writer waits for the tail to move; changed by the writer.
    pub waiting: &'m AtomicU64,
    /// 0 if the ring is free, else whose it is.
    pub owner: &'m AtomicU64,
    /// Not 0 once the owner writes no more; set by the writer, reset by the reader.
    pub released: &'m AtomicU64,
    /// Dropped records, by level: error, warn, info, debug, trace; added by the writer, taken by the reader.
    pub dropped: &'m [AtomicU64],
    /// Up to where the writer may write again; moved by the reader.
    pub tail: &'m AtomicU64,
    /// Up to where the reader has handed everything on; moved by the reader.
    pub dispatched: &'m AtomicU64,
    /// How many threads wait for `dispatched` to move; each adds and subtracts 1.
    pub awaited: &'m AtomicU64,
    /// The ring itself. Its length is a power of two.
    pub data: &'m [AtomicU64],
}
