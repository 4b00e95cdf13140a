//! `EncodedPairs`: key-values that are encoded once and copied into many records.

use super::value::KeyValues;
use crate::msgpack::write;

/// Key-values without the head of their map, to be copied into records after the pairs of their own.
#[derive(Debug, Default)]
pub struct EncodedPairs {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
    /// The number of values that a reader counts.
    pub(super) values: usize,
}

impl EncodedPairs {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            count: 0,
            values: 0,
        }
    }

    /// Appends all pairs.
    pub fn extend(&mut self, pairs: &KeyValues<'_>) {
        self.count += pairs.len();
        self.values += pairs.count_values();
        self.bytes.extend_from_slice(pairs.without_head());
    }

    /// Removes all pairs and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.count, self.values) = (0, 0);
    }

    /// Returns whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the pairs as key-values of their own.
    pub fn to_key_values(&self) -> KeyValues<'static> {
        if self.is_empty() {
            return KeyValues::new();
        }
        let mut map = Vec::with_capacity(5 + self.bytes.len());
        write::map_len(&mut map, self.count);
        map.extend_from_slice(&self.bytes);
        KeyValues::from_unhinted(map)
    }
}
