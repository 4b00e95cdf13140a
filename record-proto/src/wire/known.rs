//! `Known`: decoded parts of earlier records, found again by their encoded bytes.

use crate::msgpack::Reader;

/// The most parts that are kept.
const SLOTS: usize = 64;

/// The number of slots that a part may be in, one after the other.
const PROBES: usize = 8;

/// The longest encoded part that is kept, in bytes. The bound is there because the child chooses the parts.
const MAX_LENGTH: usize = 512;

/// Parts of one kind that were decoded before, such as all targets, with their encoded bytes.
///
/// A key, a number that is the same for equal parts and differs between most others, tells the slots that a part may be
/// in.
#[derive(Debug)]
pub(super) struct Known<T> {
    /// Empty before the first part.
    slots: Vec<Option<(Vec<u8>, T)>>,
    /// The slot of the part that was found last.
    last: usize,
    /// Counts the parts that were replaced.
    replaced: usize,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            last: 0,
            replaced: 0,
        }
    }
}

impl<T> Known<T> {
    /// Reads a part, which is then the [last](Self::last) one. Returns `None` if `decode` does, or if the part is too
    /// long.
    #[inline(always)]
    pub(super) fn find<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        key: impl FnOnce(&mut Reader<'a>) -> u64,
        decode: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<()> {
        match self.is_in(self.last, reader) {
            true => Some(()),
            false => self.find_other(reader, key, decode),
        }
    }

    /// Looks for the part in its slots, and decodes and keeps it if it is not there.
    #[inline(never)]
    fn find_other<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        key: impl FnOnce(&mut Reader<'a>) -> u64,
        decode: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Option<()> {
        let first = first_slot(key(&mut reader.clone()));
        let mut slots = (first..first + PROBES).map(|slot| slot % SLOTS);
        if let Some(slot) = slots.clone().find(|&slot| self.is_in(slot, reader)) {
            self.last = slot;
            return Some(());
        }
        let start = reader.position();
        let part = decode(reader)?;
        let bytes = reader.since(start);
        if bytes.len() > MAX_LENGTH {
            return None;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, || None);
        }
        let vacant = slots.find(|&slot| self.slots[slot].is_none());
        self.last = vacant.unwrap_or_else(|| {
            self.replaced = self.replaced.wrapping_add(1);
            (first + self.replaced % PROBES) % SLOTS
        });
        self.slots[self.last] = Some((bytes.to_vec(), part));
        Some(())
    }

    /// Passes over the part in this slot, if it comes next.
    #[inline(always)]
    fn is_in(&self, slot: usize, reader: &mut Reader<'_>) -> bool {
        match self.slots.get(slot) {
            Some(Some((bytes, _))) => reader.skip_bytes(bytes),
            _ => false,
        }
    }

    /// Returns the part that was found last.
    ///
    /// # Panics
    ///
    /// Panics if no part was found.
    #[inline(always)]
    pub(super) fn last(&self) -> &T {
        let (_, part) = self.slots[self.last].as_ref().expect("a part was found");
        part
    }
}

/// Returns a key for a text: its length and its end, in which most paths and names differ.
pub(super) fn text_key(reader: &mut Reader<'_>) -> u64 {
    let text = reader.frequent_text().unwrap_or_default();
    bytes_key(&text[text.len().saturating_sub(16)..]) ^ text.len() as u64
}

/// Returns a key for bytes.
pub(super) fn bytes_key(bytes: &[u8]) -> u64 {
    let add = |key: u64, &byte: &u8| key.wrapping_mul(31).wrapping_add(byte.into());
    bytes.iter().fold(0, add)
}

/// Spreads keys that follow each other, such as thread ids, over all slots. The factor is 2^64 divided by the golden
/// ratio (Knuth, "The Art of Computer Programming", volume 3, 6.4).
fn first_slot(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SLOTS
}
