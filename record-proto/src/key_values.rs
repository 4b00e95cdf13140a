use std::{borrow::Cow, fmt};

use crate::{
    Value, pack, text,
    unpack::{Reader, Token},
};

/// Keys with typed values, in the order given; a key may stand more than once.
///
/// Encoded and checked: reading decodes on demand and copies nothing.
///
/// ```
/// use record_proto::{KeyValues, Value};
///
/// let mut context: KeyValues = [("worker", 3)].into_iter().collect();
/// context.push("role", "indexer");
/// assert_eq!(context.get("worker"), Some(Value::from(3)));
/// assert_eq!(context.to_string(), r#"{"worker":3,"role":"indexer"}"#);
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct KeyValues<'a>(
    // One MessagePack map; no bytes at all where there are no pairs.
    Cow<'a, [u8]>,
);

impl<'a> KeyValues<'a> {
    /// No key-values.
    pub const fn new() -> Self {
        Self(Cow::Borrowed(&[]))
    }

    /// The pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        let mut reader = Reader::new(&self.0);
        let length = map_len(&mut reader);
        (0..length).map_while(move |_| {
            let key = reader.str().ok()?;
            Some((key, Value::read(&mut reader)?))
        })
    }

    /// The value of the first pair with this key.
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        self.iter()
            .find_map(|(own, value)| (own == key).then_some(value))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        map_len(&mut Reader::new(&self.0))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a pair; a value that nests deeper than 8 becomes its JSON text.
    pub fn push<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        let mut reader = Reader::new(&self.0);
        let length = map_len(&mut reader);
        let old_head = reader.position();

        let mut head = Vec::with_capacity(5);
        pack::map_len(&mut head, length + 1);
        let bytes = self.0.to_mut();
        bytes.splice(..old_head, head);
        pack::str(bytes, key);
        value.into().encode(bytes, 0);
    }

    /// The same key-values, with all borrowed parts copied.
    pub fn into_owned(self) -> KeyValues<'static> {
        KeyValues(Cow::Owned(self.0.into_owned()))
    }

    /// The same key-values, borrowed from these.
    pub fn borrowed(&self) -> KeyValues<'_> {
        KeyValues(Cow::Borrowed(&self.0))
    }

    pub(crate) fn from_checked(bytes: &'a [u8]) -> Self {
        match bytes {
            // No pairs, whichever head a writer chose for them.
            [0x80] | [0xde, 0, 0] | [0xdf, 0, 0, 0, 0] => Self::new(),
            bytes => Self(Cow::Borrowed(bytes)),
        }
    }

    /// The encoded map; empty where there are no pairs.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_bytes_or_empty_map(&self) -> &[u8] {
        if self.is_empty() { &[0x80] } else { &self.0 }
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

/// One JSON object.
impl fmt::Display for KeyValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::json(&Value::Map(self.borrowed()), f)
    }
}

impl fmt::Debug for KeyValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
