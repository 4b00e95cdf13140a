//! An entry: one frame in a ring, with its order word.

/// A word of a ring.
pub(super) const WORD: usize = size_of::<u64>();

/// The order word that says: the rest of the ring is empty, go on at its start.
pub(super) const JUMP: u64 = u64::MAX;

/// The order word of a writer that draws no tickets.
pub(super) const NO_TICKET: u64 = 0;

/// The longest frame in a ring of this many bytes, its length of four bytes included.
pub(super) const fn max_frame(ring_bytes: usize) -> usize {
    let quarter = ring_bytes / 4;
    // A frame has at most 64 KiB of payload, as on the pipe.
    match quarter < MAX_FRAME {
        true => quarter,
        false => MAX_FRAME,
    }
}

pub(super) const MAX_FRAME: usize = 64 * 1024 + 4;

/// The bytes of an entry: order word, frame, and padding up to a whole word.
pub(super) const fn entry_bytes(frame: usize) -> usize {
    WORD + frame.next_multiple_of(WORD)
}
