//! The methods of `KeyValues`: a record's pairs as one checked MessagePack map.

use std::{borrow::Cow, fmt};

use log::kv::{self, Key, VisitSource};

use super::hints::{CheckedMap, Hints};
use super::value::{KeyValues, Value};
use crate::msgpack::{Reader, Token, write};
use crate::text::{has_control, is_printable_ascii};

impl<'a> KeyValues<'a> {
    /// Creates an empty list of key-values.
    pub const fn new() -> Self {
        Self {
            bytes: Cow::Borrowed(&[]),
            hints: Hints::EMPTY,
        }
    }

    /// Iterates over the pairs, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let mut reader = Reader::new(&self.bytes);
        let length = map_len(&mut reader);
        (0..length).map_while(move |_| {
            let key = reader.str().ok()?;
            Some((key, Value::read(&mut reader)?))
        })
    }

    /// Returns the value of the first pair with this key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.iter()
            .find_map(|(own, value)| (own == key).then_some(value))
    }

    /// Returns how many pairs there are.
    pub fn len(&self) -> usize {
        map_len(&mut Reader::new(&self.bytes))
    }

    /// Returns whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends a pair. A value that nests deeper than 8 becomes its JSON text.
    pub fn push<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        let mut reader = Reader::new(&self.bytes);
        let length = map_len(&mut reader);
        let old_head = reader.position();

        let mut head = Vec::with_capacity(5);
        write::map_len(&mut head, length + 1);
        let bytes = self.bytes.to_mut();
        bytes.splice(..old_head, head);
        write::str(bytes, key);
        let value = value.into();
        value.encode(bytes, 0);
        let text = match &value {
            Value::Str(text) => text,
            _ => "",
        };
        self.hints.scalar &= value.is_scalar();
        self.hints.printable &= value.is_scalar() && is_printable_ascii(text);
        self.hints.add_key(key);
    }

    /// Returns the same key-values with all borrowed parts copied.
    pub fn into_owned(self) -> KeyValues<'static> {
        KeyValues {
            bytes: Cow::Owned(self.bytes.into_owned()),
            hints: self.hints,
        }
    }

    /// Returns the same key-values, borrowed from these.
    pub fn borrowed(&self) -> KeyValues<'_> {
        KeyValues {
            bytes: Cow::Borrowed(&self.bytes),
            hints: self.hints,
        }
    }

    /// Returns whether any pair has this key.
    #[inline]
    pub fn contains_key(&self, key: &str) -> bool {
        self.hints.may_have_key(key) && self.iter().any(|(own, _)| own == key)
    }

    /// Returns whether any key or text, at any depth, has a [control](crate::is_control).
    #[inline]
    pub fn has_control(&self) -> bool {
        !self.hints.printable
            && self
                .iter()
                .any(|(key, value)| has_control(key) || value.has_control())
    }

    #[inline(always)]
    pub(crate) fn from_checked(map: CheckedMap<'a>) -> Self {
        match map.hints.is_cut {
            false => Self::from_bytes(map.bytes, map.hints),
            true => Self::cut(&map),
        }
    }

    pub(super) fn from_vec(map: Vec<u8>, hints: Hints) -> Self {
        Self {
            bytes: Cow::Owned(map),
            hints,
        }
    }

    /// Copies the pairs that are kept, and adds the one that replaces the others.
    #[cold]
    #[inline(never)]
    fn cut(map: &CheckedMap<'_>) -> Self {
        let mut reader = Reader::new(map.bytes);
        map_len(&mut reader);
        let kept = reader.rest;
        let mut pairs = 0;
        while reader.skip_objects(2).is_ok() {
            pairs += 1;
        }
        let mut bytes = Vec::with_capacity(map.bytes.len() + 64);
        write::map_len(&mut bytes, pairs);
        bytes.extend_from_slice(kept);
        let mut kept = Self::from_vec(bytes, Hints::UNKNOWN);
        kept.push(CUT_KEY, CutMark(pairs).to_string());
        kept
    }

    /// Shows the pairs to a visitor of `log`. All of them must be [scalars](Self::is_scalar).
    #[inline]
    pub(crate) fn visit_scalars<'kvs>(
        &'kvs self,
        visitor: &mut dyn VisitSource<'kvs>,
    ) -> Result<(), kv::Error> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut reader = Reader::new(&self.bytes);
        for _ in 0..map_len(&mut reader) {
            // Never happens, because the bytes were checked.
            let (Ok(key), Some(value)) = (reader.str(), reader.scalar()) else {
                return Ok(());
            };
            visitor.visit_pair(Key::from_str(key), value)?;
        }
        Ok(())
    }

    /// Returns whether each value is nil, a boolean, a number or a text. Never wrongly `true`.
    pub(crate) fn is_scalar(&self) -> bool {
        self.hints.scalar
    }

    /// Returns the number of values that a reader counts: pairs, items of lists, and pairs of maps.
    pub(crate) fn count_values(&self) -> usize {
        let mut reader = Reader::with_value_limit(&self.bytes, usize::MAX);
        let _nothing_if_empty = reader.map();
        usize::MAX - reader.values_left()
    }

    /// Returns the encoded pairs without the head of their map.
    pub(super) fn without_head(&self) -> &[u8] {
        let mut reader = Reader::new(&self.bytes);
        map_len(&mut reader);
        reader.rest
    }

    /// Returns the key-values of a map that was written by this crate.
    pub(super) fn from_unhinted(map: Vec<u8>) -> Self {
        Self::from_vec(map, Hints::UNKNOWN)
    }

    /// Returns the encoded map; empty if there are no pairs.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn as_bytes_or_nil(&self) -> &[u8] {
        match self.is_empty() {
            true => &[0xc0],
            false => &self.bytes,
        }
    }

    pub(crate) fn as_bytes_or_empty_map(&self) -> &[u8] {
        if self.is_empty() {
            &[0x80]
        } else {
            &self.bytes
        }
    }
}

/// The key of the pair that replaces the pairs beyond a limit.
pub(super) const CUT_KEY: &str = "cut";

/// Returns the value of the pair that replaces all pairs after the first `pairs`.
/// The value of that pair: how many pairs there are before it.
pub(super) struct CutMark(pub(super) usize);

impl fmt::Display for CutMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "… (cut after {} pairs)", self.0)
    }
}

fn map_len(reader: &mut Reader<'_>) -> usize {
    if reader.remaining() == 0 {
        return 0;
    }
    match reader.token() {
        Ok(Token::Map(length)) => length,
        _ => 0,
    }
}

impl<'v, K: AsRef<str>, V: Into<Value<'v>>> FromIterator<(K, V)> for KeyValues<'static> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all = KeyValues::new();
        all.extend(pairs);
        all
    }
}

impl<'v, K: AsRef<str>, V: Into<Value<'v>>> Extend<(K, V)> for KeyValues<'_> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.push(key.as_ref(), value);
        }
    }
}

impl Default for KeyValues<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for KeyValues<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for KeyValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
