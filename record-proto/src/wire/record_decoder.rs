//! `RecordDecoder`: decodes the plain records of one stream, and reuses the parts that it has decoded before.

use std::borrow::Cow;

use log::Level;

use super::known::{Known, bytes_key, text_key};
use super::payload;
use crate::kv::{KeyValues, KnownKeys};
use crate::msgpack::{PayloadError, Reader, Reason};
use crate::record::{Origin, RecordView, Spans};
use crate::text::without_controls;

/// The most spans of a plain record, and fields in them, together.
const MAX_SPAN_VALUES: usize = 48;

/// Decodes the plain records of one stream. Nearly all records of a handler are plain.
///
/// A plain record has at least the fields up to the line, and after the context no field but its spans and its instance.
/// It has at most 16 key-values and 16 pairs of context, and at most 48 spans and fields of spans, all of them scalars.
/// None of its texts has controls, and the message has at most 255 bytes.
///
/// Parts that repeat (the target; process, thread, module and file; the context; the spans) are borrowed from earlier
/// records.
/// They are compared as bytes: an encoded object contains its own length, so equal bytes are equal objects, and a part
/// that was checked once need not be checked again. Up to 64 parts of each kind are kept. A part that is not among them
/// is decoded and copied, and takes the place of another one.
#[derive(Debug, Default)]
pub struct RecordDecoder {
    targets: Known<String>,
    origins: Known<Origin<'static>>,
    contexts: Known<KeyValues<'static>>,
    spans: Known<Spans<'static>>,
    keys: KnownKeys,
    error: Option<PayloadError>,
}

impl RecordDecoder {
    /// Creates a decoder that has no parts of earlier records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a plain record.
    ///
    /// Returns `None` for every other payload, malformed ones included. If [`take_error`](Self::take_error) has no
    /// error then, [`Payload::decode`](crate::Payload::decode) decodes the payload. The limit on values is not applied:
    /// a plain record has at most 80.
    #[inline(always)]
    pub fn decode<'a>(&'a mut self, payload: &'a [u8]) -> Option<RecordView<'a>> {
        let (fields, rest) = match payload {
            [payload::RECORD, 0xdc, 0, 18, rest @ ..] => (18, rest),
            [payload::RECORD, head @ 0x9c..=0x9e, rest @ ..] => (usize::from(head & 0xf), rest),
            _ => return None,
        };
        let mut reader = Reader::new(rest);
        let seq = reader.frequent_uint()?;
        let time = reader.frequent_uint()?;
        let level = level(&mut reader)?;
        self.targets.find(&mut reader, text_key, |reader| {
            Some(plain_text(reader)?.to_owned())
        })?;
        let message = plain_text(&mut reader)?;
        self.origins.find(&mut reader, origin_key, origin)?;
        let line = match optional(&mut reader, Reader::frequent_uint)? {
            Some(line) => Some(u32::try_from(line).ok()?),
            None => None,
        };
        let map_at = reader.position();
        let count = match fields > 12 {
            true => self.keys.read(&mut reader)?,
            false => 0,
        };
        let map = reader.since(map_at);
        let has_context = fields > 13 && !reader.skip_nil();
        if has_context {
            self.contexts.find(&mut reader, context_key, plain_map)?;
        }
        let (instance, has_spans) = match (fields, reader.rest) {
            (18, &[0xc0, 0xc0, 0xc0, 0xce, a, b, c, d]) => (Some([a, b, c, d]), false),
            (..18, []) => (None, false),
            (18, [0xc0, 0xc0, 0x91..=0x9f, ..]) => {
                reader.rest = &reader.rest[2..];
                self.spans.find(&mut reader, spans_key, plain_spans)?;
                let &[0xce, a, b, c, d] = reader.rest else {
                    return None;
                };
                (Some([a, b, c, d]), true)
            }
            _ => {
                self.error = trailing_bytes(fields, reader.rest, payload.len());
                return None;
            }
        };
        // Borrowed only now: the calls of `find` above needed `self` as mutable.
        let origin: &'a Origin<'a> = self.origins.last();
        Some(RecordView {
            seq,
            time,
            level,
            target: self.targets.last(),
            message,
            process: origin.process.as_deref(),
            line,
            instance: instance.map(u32::from_be_bytes),
            origin,
            pairs: self.keys.pairs(map, count),
            context: has_context.then(|| self.contexts.last()),
            spans: has_spans.then(|| self.spans.last()),
            whole: None,
        })
    }

    /// Takes the error of the payload that [`decode`](Self::decode) refused last, if it has found the error: bytes
    /// follow the fields of a plain record.
    pub fn take_error(&mut self) -> Option<PayloadError> {
        self.error.take()
    }
}

/// Returns the error of a record if bytes follow its last field. `rest` are the bytes after the context.
#[cold]
#[inline(never)]
fn trailing_bytes(fields: usize, rest: &[u8], payload: usize) -> Option<PayloadError> {
    let trailing = match rest {
        [0xc0, 0xc0, 0xc0, 0xce, _, _, _, _, trailing @ ..] if fields == 18 => trailing.len(),
        _ if fields < 18 => rest.len(),
        _ => return None,
    };
    let error = PayloadError::new(Reason::TrailingBytes(trailing), payload - trailing);
    Some(error.in_part("record"))
}

#[inline(always)]
fn level(reader: &mut Reader<'_>) -> Option<Level> {
    let (level, rest) = match reader.rest {
        [1, rest @ ..] => (Level::Error, rest),
        [2, rest @ ..] => (Level::Warn, rest),
        [3, rest @ ..] => (Level::Info, rest),
        [4, rest @ ..] => (Level::Debug, rest),
        [5, rest @ ..] => (Level::Trace, rest),
        _ => return None,
    };
    reader.rest = rest;
    Some(level)
}

#[inline(always)]
fn plain_text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    without_controls(reader.frequent_text()?)
}

fn plain_map(reader: &mut Reader<'_>) -> Option<KeyValues<'static>> {
    let mut keys = KnownKeys::default();
    let start = reader.position();
    let count = keys.read(reader)?;
    let pairs = keys.pairs(reader.since(start), count);
    Some(pairs.to_key_values().into_owned())
}

/// Reads spans whose names and fields are plain, at least one.
fn plain_spans(reader: &mut Reader<'_>) -> Option<Spans<'static>> {
    let start = reader.position();
    let [marker @ 0x91..=0x9f, rest @ ..] = reader.rest else {
        return None;
    };
    reader.rest = rest;
    let (mut values, mut keys) = (0, KnownKeys::default());
    for _ in 0..marker & 0x0f {
        let [0x92, rest @ ..] = reader.rest else {
            return None;
        };
        reader.rest = rest;
        plain_text(reader)?;
        values += 1 + keys.read(reader)?;
    }
    let spans = Spans::from_checked(reader.since(start));
    (values <= MAX_SPAN_VALUES).then(|| spans.into_owned())
}

/// Reads nil as `Some(None)`, and otherwise the result of `read`.
#[inline(always)]
fn optional<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match reader.skip_nil() {
        true => Some(None),
        false => read(reader).map(Some),
    }
}

fn origin(reader: &mut Reader<'_>) -> Option<Origin<'static>> {
    Some(Origin {
        pid: optional(reader, Reader::frequent_uint)?,
        process: optional(reader, owned_text)?,
        thread_id: optional(reader, Reader::frequent_uint)?,
        thread: optional(reader, owned_text)?,
        module_path: optional(reader, owned_text)?,
        file: optional(reader, owned_text)?,
    })
}

/// Returns a key made of process and thread id, and of the module path or, if there is none, the file.
fn origin_key(reader: &mut Reader<'_>) -> u64 {
    let mut id_before_name = || {
        let id = optional(reader, Reader::frequent_uint).flatten();
        let _name = optional(reader, Reader::frequent_text);
        id.unwrap_or_default()
    };
    let (pid, thread_id) = (id_before_name(), id_before_name());
    reader.skip_nil();
    pid.wrapping_mul(31)
        .wrapping_add(thread_id)
        .wrapping_mul(31)
        ^ text_key(reader)
}

/// The contexts of different processes mostly differ in their first bytes.
fn context_key(reader: &mut Reader<'_>) -> u64 {
    bytes_key(&reader.rest[..reader.rest.len().min(24)])
}

/// The spans of different requests mostly differ in the fields of the first span.
fn spans_key(reader: &mut Reader<'_>) -> u64 {
    bytes_key(&reader.rest[..reader.rest.len().min(48)])
}

fn owned_text(reader: &mut Reader<'_>) -> Option<Cow<'static, str>> {
    Some(Cow::Owned(plain_text(reader)?.to_owned()))
}
