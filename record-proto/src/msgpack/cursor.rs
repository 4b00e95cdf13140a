//! `Cursor`: writes objects into a buffer that is reused and grows only if it must.

use super::write::{MsgpackWrite, copy_short};

/// The least length of a buffer that is used. Most frames fit into it, so it grows once.
const LEAST: usize = 4096;

/// Writes into a buffer, beginning at a position.
///
/// The buffer keeps its length from one use to the next, because clearing bytes that are overwritten anyway costs time.
/// If it is too short, it grows. If the system has no memory for that, the write is left out, and
/// [`has_failed`](Self::has_failed) returns `true`.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    buffer: &'a mut Vec<u8>,
    position: usize,
    has_failed: bool,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at a position. The bytes before it are for the caller to write.
    #[inline(always)]
    pub(crate) fn new(buffer: &'a mut Vec<u8>, position: usize) -> Self {
        let has_failed = position > buffer.len() && !grow(buffer, position);
        Self {
            buffer,
            position,
            has_failed,
        }
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Goes back to an earlier position and clears the failure, if there was one.
    #[inline(always)]
    pub(crate) fn go_back(&mut self, position: usize) {
        self.position = position;
        self.has_failed = false;
    }

    /// Returns whether a write was left out because there was no memory for it.
    #[inline(always)]
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Overwrites a byte that was written before.
    #[inline(always)]
    pub(crate) fn overwrite(&mut self, position: usize, byte: u8) {
        self.buffer[position] = byte;
    }

    /// Moves the bytes from `position` on by `by` bytes, to make room in front of them.
    pub(crate) fn shift(&mut self, position: usize, by: usize) {
        let end = self.position;
        if self.room(by).is_some() {
            self.buffer.copy_within(position..end, position + by);
            self.position += by;
        }
    }

    pub(crate) fn bytes_mut(&mut self, position: usize, length: usize) -> &mut [u8] {
        &mut self.buffer[position..position + length]
    }

    /// Returns all bytes before the position.
    #[inline(always)]
    pub(crate) fn written_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.position]
    }

    /// Appends the first `length` bytes of a block. The whole block is copied, because a copy of a fixed size needs
    /// only a few moves.
    #[inline(always)]
    pub(crate) fn block<const N: usize>(&mut self, block: &[u8; N], length: usize) {
        if let Some(room) = self.room(N) {
            room.copy_from_slice(block);
            self.position += length;
        }
    }

    /// Appends bytes if they end at or before `limit`, without growing. Returns whether they did.
    #[inline(always)]
    pub(crate) fn append_before(&mut self, limit: usize, bytes: &[u8]) -> bool {
        let end = self.position + bytes.len();
        match self.buffer.get_mut(self.position..end) {
            Some(room) if end <= limit => copy_short(room, bytes),
            _ => return false,
        }
        self.position = end;
        true
    }

    /// Returns the position up to which bytes can be written without growing.
    #[inline(always)]
    pub(crate) fn end_of_room(&self) -> usize {
        self.buffer.len()
    }

    /// Makes room for `length` more bytes, and returns how many of them there is room for.
    #[cold]
    #[inline(never)]
    pub(crate) fn room_up_to(&mut self, length: usize) -> usize {
        let end = self.position.saturating_add(length);
        if end > self.buffer.len() && !self.grow(end) {
            self.has_failed = false;
        }
        length.min(self.buffer.len().saturating_sub(self.position))
    }

    /// Returns the next `length` bytes to be written; `None` if there is no memory for them.
    #[inline(always)]
    fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        let end = self.position + length;
        if end > self.buffer.len() && !self.grow(end) {
            return None;
        }
        self.buffer.get_mut(self.position..end)
    }

    #[inline(always)]
    fn grow(&mut self, end: usize) -> bool {
        let has_grown = grow(self.buffer, end);
        self.has_failed |= !has_grown;
        has_grown
    }
}

/// Grows the buffer to a power of two, or at least to `end`. Returns whether there was memory for it.
#[cold]
#[inline(never)]
fn grow(buffer: &mut Vec<u8>, end: usize) -> bool {
    let old = buffer.len();
    for length in [end.next_power_of_two().max(LEAST), end] {
        if buffer.try_reserve_exact(length - old).is_ok() {
            buffer.resize(length, 0);
            return true;
        }
    }
    false
}

impl MsgpackWrite for Cursor<'_> {
    #[inline(always)]
    fn append_array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(room) = self.room(N) {
            room.copy_from_slice(&bytes);
            self.position += N;
        }
    }

    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()) {
            copy_short(room, bytes);
            self.position += bytes.len();
        }
    }

    #[inline(always)]
    fn append_after(&mut self, byte: u8, bytes: &[u8]) {
        let length = 1 + bytes.len();
        if let Some([first, rest @ ..]) = self.room(length) {
            *first = byte;
            copy_short(rest, bytes);
            self.position += length;
        }
    }
}
