//! `EncodedSpan`: a span that is encoded once and copied into each record within it.

use super::spans::Span;
use crate::kv::KeyValues;
use crate::msgpack::{Reader, write};

/// A span with its fields, encoded by [`RecordEncoder::encode_span`](crate::RecordEncoder::encode_span).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSpan {
    /// `[name, fields]`.
    bytes: Box<[u8]>,
    /// The number of values that a reader counts: the span itself and its pairs.
    values: usize,
}

impl EncodedSpan {
    /// Copies an encoded span whose fields have so many values. Returns `None` if there is no memory for it.
    pub(crate) fn copy(encoded: &[u8], values: usize) -> Option<Self> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(encoded.len()).ok()?;
        bytes.extend_from_slice(encoded);
        Some(Self {
            bytes: bytes.into_boxed_slice(),
            values: 1 + values,
        })
    }

    /// Takes over the fields of `later`, whose name is ignored. A field that this span has already is replaced.
    pub fn record(&mut self, later: &Self) {
        let (Some(old), Some(new)) = (self.decode(), later.decode()) else {
            return;
        };
        let kept = old.fields.iter();
        let kept = kept.filter(|(key, _)| !new.fields.contains_key(key));
        let fields: KeyValues<'_> = kept.chain(new.fields.iter()).collect();
        let mut bytes = Vec::with_capacity(self.bytes.len() + later.bytes.len());
        write::array_len(&mut bytes, 2);
        write::str(&mut bytes, old.name);
        bytes.extend_from_slice(fields.as_bytes_or_nil());
        self.values = 1 + fields.count_values();
        self.bytes = bytes.into_boxed_slice();
    }

    #[inline(always)]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline(always)]
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    fn decode(&self) -> Option<Span<'_>> {
        // The limit of a record is checked when the span is copied into one.
        Span::read(&mut Reader::with_value_limit(&self.bytes, usize::MAX)).ok()
    }
}
