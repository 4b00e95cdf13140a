//! `Block`: encoded bytes that are the same in many records.

use super::cursor::Cursor;
use super::write::MsgpackWrite;

/// Encoded bytes that are copied into each record. Up to `N` bytes are copied as one block of a fixed size, which needs
/// only a few moves.
#[derive(Debug)]
pub(crate) struct Block<const N: usize> {
    short: [u8; N],
    length: usize,
    /// All bytes, if there are more than `N`; otherwise empty.
    long: Vec<u8>,
}

impl<const N: usize> Block<N> {
    /// Creates a block of this many nils, at most `N`.
    pub(crate) const fn nils(length: usize) -> Self {
        Self {
            short: [0xc0; N],
            length,
            long: Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, bytes: &[u8]) {
        self.long.clear();
        self.length = bytes.len();
        match self.short.get_mut(..bytes.len()) {
            Some(short) => short.copy_from_slice(bytes),
            None => self.long.extend_from_slice(bytes),
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self.long.is_empty() {
            true => &self.short[..self.length],
            false => &self.long,
        }
    }

    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Cursor<'_>) {
        match self.long.is_empty() {
            true => out.block(&self.short, self.length),
            false => out.append(&self.long),
        }
    }
}
