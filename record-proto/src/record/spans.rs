//! `Spans`: the spans that a record was logged in.

use std::{borrow::Cow, fmt};

use log::kv::{self, Key, VisitSource};

use crate::kv::{KeyValues, escape};
use crate::msgpack::{self, Reader, Reason, write};
use crate::text::has_control;

/// The spans that a record was logged in, from the root to the leaf.
///
/// The spans are kept encoded and checked: reading decodes on demand and copies nothing. `Display` prints them as
/// `root{key=value}:leaf{key=value}`, with texts in quotes and controls escaped.
///
/// ```
/// use record_proto::{KeyValues, Spans};
///
/// let mut spans = Spans::new();
/// spans.push("request", &[("id", 7)].into_iter().collect());
/// spans.push("query", &KeyValues::new());
/// assert_eq!(spans.iter().count(), 2);
/// assert_eq!(spans.to_string(), "request{id=7}:query");
/// ```
#[derive(Clone, PartialEq)]
pub struct Spans<'a> {
    /// One MessagePack array of `[name, fields]`; empty if there are no spans.
    bytes: Cow<'a, [u8]>,
}

/// One span of [`Spans`]: its name, and its fields as key-values.
///
/// ```
/// use record_proto::Spans;
///
/// let mut spans = Spans::new();
/// spans.push("request", &[("id", 7)].into_iter().collect());
/// let request = spans.iter().next().unwrap();
/// assert_eq!((request.name, request.fields.len()), ("request", 1));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Span<'a> {
    /// The name of the span.
    pub name: &'a str,
    /// Its fields, including those that were recorded after it began.
    pub fields: KeyValues<'a>,
}

impl<'a> Spans<'a> {
    /// Creates an empty list of spans.
    pub const fn new() -> Self {
        Self {
            bytes: Cow::Borrowed(&[]),
        }
    }

    /// Iterates over the spans, root first.
    pub fn iter(&self) -> impl Iterator<Item = Span<'_>> {
        let mut reader = Reader::new(&self.bytes);
        let length = self.length(&mut reader);
        (0..length).map_while(move |_| Span::read(&mut reader).ok())
    }

    /// Returns whether there are no spans.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends a span within the last one.
    pub fn push(&mut self, name: &str, fields: &KeyValues<'_>) {
        let mut reader = Reader::new(&self.bytes);
        let length = self.length(&mut reader);
        let old_head = reader.position();

        let mut head = Vec::with_capacity(5);
        write::array_len(&mut head, length + 1);
        let bytes = self.bytes.to_mut();
        bytes.splice(..old_head, head);
        write::array_len(bytes, 2);
        write::str(bytes, name);
        match fields.as_bytes() {
            [] => write::nil(bytes),
            fields => bytes.extend_from_slice(fields),
        }
    }

    /// Returns the same spans with all borrowed parts copied.
    pub fn into_owned(self) -> Spans<'static> {
        Spans {
            bytes: Cow::Owned(self.bytes.into_owned()),
        }
    }

    /// Returns the same spans, borrowed from these.
    pub(crate) fn borrowed(&self) -> Spans<'_> {
        Spans {
            bytes: Cow::Borrowed(&self.bytes),
        }
    }

    /// Returns the spans of an encoded array that was checked.
    pub(crate) fn from_checked(bytes: &'a [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
        }
    }

    /// Shows the spans to a visitor of `log`, as one text.
    pub(crate) fn visit<'kvs>(
        &'kvs self,
        visitor: &mut dyn VisitSource<'kvs>,
    ) -> Result<(), kv::Error> {
        visitor.visit_pair(Key::from_str("spans"), kv::Value::from_display(self))
    }

    /// Returns how many bytes the spans have, encoded.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    pub fn encoded_length(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether any name, key or text in the spans has a [control](crate::is_control).
    pub fn has_control(&self) -> bool {
        self.iter()
            .any(|span| has_control(span.name) || span.fields.has_control())
    }

    /// Reads and checks an array of spans. If the spans have more values than are kept, one span that counts them
    /// replaces them.
    pub(crate) fn read(reader: &mut Reader<'a>) -> msgpack::Result<Self> {
        match reader.or_cut(Self::read_all)? {
            Some(spans) => Ok(spans),
            None => Self::skip(reader),
        }
    }

    /// Returns the span that replaces this many.
    pub(crate) fn cut(count: usize) -> Spans<'static> {
        let mut spans = Spans::new();
        spans.push(&format!("… (cut, {count} spans)"), &KeyValues::new());
        spans
    }

    /// Skips an array of spans, and returns the span that replaces them.
    #[cold]
    fn skip(reader: &mut Reader<'a>) -> msgpack::Result<Self> {
        let count = reader.clone().array_len()?;
        reader.skip()?;
        Ok(Self::cut(count))
    }

    fn read_all(reader: &mut Reader<'a>) -> msgpack::Result<Self> {
        let start = reader.position();
        let length = reader.array_len()?;
        reader.count_values(length)?;
        for _ in 0..length {
            Span::read(reader)?;
        }
        let bytes = match length {
            0 => &[],
            _ => reader.since(start),
        };
        Ok(Self {
            bytes: Cow::Borrowed(bytes),
        })
    }

    /// Returns the encoded spans of at most 15, without the head of the array.
    pub(crate) fn without_head(&self) -> &[u8] {
        self.bytes.get(1..).unwrap_or(&[])
    }

    /// Returns the encoded array; empty if there are no spans.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn length(&self, reader: &mut Reader<'_>) -> usize {
        match self.bytes.is_empty() {
            true => 0,
            false => reader.array_len().unwrap_or(0),
        }
    }
}

impl<'a> Span<'a> {
    /// Reads `[name, fields]`. The fields may be missing; items of later versions are skipped.
    pub(super) fn read(reader: &mut Reader<'a>) -> msgpack::Result<Self> {
        let start = reader.position();
        let length = reader.array_len()?;
        if length == 0 {
            let reason = Reason::TooFewFields { found: 0, least: 1 };
            return Err(msgpack::PayloadError::new(reason, start));
        }
        let name = reader.str()?;
        let mut fields = KeyValues::new();
        for position in 1..length {
            match position {
                1 => {
                    if let Some(map) = reader.optional(Reader::map)? {
                        map.expect_whole(reader.position())?;
                        fields = KeyValues::from_checked(map);
                    }
                }
                _ => reader.skip()?,
            }
        }
        Ok(Self { name, fields })
    }
}

impl Default for Spans<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Spans<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, span) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(":")?;
            }
            write!(f, "{span}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Span<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.name, f)?;
        for (position, (key, value)) in self.fields.iter().enumerate() {
            f.write_str(if position == 0 { "{" } else { " " })?;
            escape(key, f)?;
            write!(f, "={}", value.quoted())?;
        }
        f.write_str(if self.fields.is_empty() { "" } else { "}" })
    }
}

impl fmt::Debug for Spans<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
