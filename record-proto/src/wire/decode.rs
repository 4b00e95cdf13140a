//! Decoding a payload of any kind.

use std::borrow::Cow;

use log::Level;

use super::fields::{Fields, InPart};
use super::fragment::Fragment;
use super::payload::{self, Close, Dropped, Hello, Levels, Payload, VERSION};
use crate::kv::{CheckedMap, ErrorInfo, KeyValues, Sources};
use crate::msgpack::{self, DEFAULT_VALUE_LIMIT, PayloadError, Reader, Reason};
use crate::record::{BatchInfo, BatchReason, LogRecord, Spans};

impl<'a> Payload<'a> {
    /// Decodes one payload, without the length in front of it. Everything borrows from `bytes`, and nothing is
    /// allocated, except for a record or hello that is cut.
    ///
    /// Missing fields are read as nil. Fields that this version does not know are skipped. The fields of a
    /// [`Payload::Bell`] or [`Payload::Unknown`] are neither read nor checked.
    ///
    /// At most [`DEFAULT_VALUE_LIMIT`] values of a record or hello are kept;
    /// [`decode_with_limit`](Self::decode_with_limit) describes the values that are counted, and what replaces the
    /// others.
    ///
    /// # Errors
    ///
    /// Returns an error if `bytes` is not a payload of version 1, or if more bytes follow the payload.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        Self::decode_with_limit(bytes, DEFAULT_VALUE_LIMIT)
    }

    /// Decodes one payload as [`decode`](Self::decode) does, and keeps at most this many values of a record or hello.
    ///
    /// These are values, and are counted in this order: each pair of the key-values and of the context, each source of
    /// an error, each span, and each pair of a span. Each item of a list and each pair of a map among them counts as
    /// well.
    ///
    /// Beyond the limit, these parts are replaced:
    ///
    /// - The pair of the key-values or the context that goes beyond the limit, and all pairs after it, become one pair
    ///   with the key `cut`. Its value is a text with the number of pairs before it: `… (cut after 2 pairs)`.
    /// - All sources of an error become one text with their number: `… (cut, 3 sources)`.
    /// - All spans become one span whose name has their number: `… (cut, 5 spans)`.
    ///
    /// Once one part is replaced, all later ones that have values are replaced as well. All other fields are decoded as
    /// usual. A record that is cut allocates memory for the parts that are kept.
    ///
    /// ```
    /// use record_proto::{Encode, KeyValues, LogRecord, Payload};
    ///
    /// let mut record = LogRecord::new(log::Level::Info, "app", "many");
    /// record.key_values = (0..9).map(|n| (n.to_string(), n)).collect();
    /// let mut payload = Vec::new();
    /// record.encode(&mut payload);
    ///
    /// let Payload::Record(record) = Payload::decode_with_limit(&payload, 2).unwrap() else { panic!() };
    /// assert_eq!(record.key_values.to_string(), r#"{"0":0,"1":1,"cut":"… (cut after 2 pairs)"}"#);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode). Pairs, sources and spans that are left out must be MessagePack, but neither their
    /// types, nor their depth, nor their texts are checked.
    #[inline]
    pub fn decode_with_limit(bytes: &'a [u8], values: usize) -> Result<Self, PayloadError> {
        match bytes {
            [payload::RECORD, ..] => record(bytes, values),
            _ => other_kind(bytes, values),
        }
    }
}

impl<'a> LogRecord<'a> {
    /// Decodes a payload that must be a record. [`Payload::decode`] decodes any kind.
    ///
    /// At most [`DEFAULT_VALUE_LIMIT`] values are kept; see [`Payload::decode_with_limit`].
    ///
    /// # Errors
    ///
    /// Returns an error if `bytes` is not a payload of version 1, or is one of another kind ([`Reason::NotARecord`]).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        Self::decode_with_limit(bytes, DEFAULT_VALUE_LIMIT)
    }

    /// Decodes a payload that must be a record, and keeps at most this many values of it; see
    /// [`Payload::decode_with_limit`].
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_with_limit(bytes: &'a [u8], values: usize) -> Result<Self, PayloadError> {
        match Payload::decode_with_limit(bytes, values)? {
            Payload::Record(record) => Ok(record),
            _ => Err(PayloadError::new(Reason::NotARecord(bytes[0]), 0)),
        }
    }
}

/// Decodes a record, the most frequent kind. All fields are read before the record is built, so that the compiler can
/// keep them in registers and move them once.
fn record(bytes: &[u8], values: usize) -> Result<Payload<'_>, PayloadError> {
    let reader = Reader::with_value_limit(bytes, values);
    let mut fields = Fields::open(reader, LogRecord::REQUIRED_FIELDS).in_part("record")?;
    let seq = fields.required(|r| r.uint()).in_part("record seq")?;
    let time = fields.required(|r| r.uint()).in_part("record time")?;
    let level = fields.required(|r| level(r)).in_part("record level")?;
    let target = fields.required(|r| r.str()).in_part("record target")?;
    let message = fields.required(|r| r.str()).in_part("record message")?;
    let pid = fields.optional(|r| r.uint()).in_part("record pid")?;
    let process = fields
        .optional(|r| r.str())
        .in_part("record process name")?;
    let thread_id = fields.optional(|r| r.uint()).in_part("record thread id")?;
    let thread = fields.optional(|r| r.str()).in_part("record thread name")?;
    let module_path = fields.optional(|r| r.str()).in_part("record module path")?;
    let file = fields.optional(|r| r.str()).in_part("record file")?;
    let line = fields.optional(|r| r.u32()).in_part("record line")?;
    let key_values = fields.optional(|r| r.map()).in_part("record key-values")?;
    let context = fields.optional(|r| r.map()).in_part("record context")?;
    let last = match fields.instance_only_end() {
        Some(instance) => LastFields::instance_only(instance),
        None => last_fields(fields)?,
    };
    Ok(Payload::Record(LogRecord {
        seq,
        time,
        level,
        target: Cow::Borrowed(target),
        message: Cow::Borrowed(message),
        pid,
        process: process.map(Cow::Borrowed),
        thread_id,
        thread: thread.map(Cow::Borrowed),
        module_path: module_path.map(Cow::Borrowed),
        file: file.map(Cow::Borrowed),
        line,
        key_values: pairs(key_values),
        context: pairs(context),
        error: last.error,
        original_length: last.original_length,
        spans: last.spans,
        instance: last.instance,
        batch: last.batch,
    }))
}

/// The last five fields. Few records have any of them except the instance.
struct LastFields<'a> {
    error: Option<ErrorInfo<'a>>,
    original_length: Option<u64>,
    spans: Spans<'a>,
    instance: Option<u32>,
    batch: Option<BatchInfo>,
}

impl LastFields<'_> {
    fn instance_only(instance: u32) -> Self {
        Self {
            error: None,
            original_length: None,
            spans: Spans::new(),
            instance: Some(instance),
            batch: None,
        }
    }
}

fn last_fields<'a>(mut fields: Fields<'a>) -> Result<LastFields<'a>, PayloadError> {
    let error = fields.optional(error_info).in_part("record error")?;
    let original_length = fields
        .optional(|r| r.uint())
        .in_part("record original length")?;
    let spans = fields.lenient(Spans::read).in_part("record spans")?;
    let instance = fields.lenient(|r| r.u32()).in_part("record instance")?;
    let batch = fields.lenient(batch).in_part("record batch")?;
    fields.close().in_part("record")?;
    Ok(LastFields {
        error,
        original_length,
        spans: spans.unwrap_or_default(),
        instance,
        batch,
    })
}

fn other_kind(bytes: &[u8], values: usize) -> Result<Payload<'_>, PayloadError> {
    let reader = Reader::with_value_limit(bytes, values);
    Ok(match bytes.first() {
        Some(&payload::HELLO) => Payload::Hello(hello(reader)?),
        Some(&payload::FRAGMENT) => Payload::Fragment(fragment(reader)?),
        Some(&payload::DROPPED) => Payload::Dropped(dropped(reader)?),
        Some(&payload::CLOSE) => Payload::Close(close(reader)?),
        Some(&payload::BELL) => Payload::Bell,
        Some(&kind @ 0..=0x7f) => Payload::Unknown(kind),
        Some(_) => return Err(PayloadError::new(Reason::Kind, 0)),
        None => return Err(PayloadError::new(Reason::Empty, 0)),
    })
}

fn hello<'a>(reader: Reader<'a>) -> Result<Hello<'a>, PayloadError> {
    let mut fields = Fields::open(reader, 0).in_part("hello")?;
    let version = fields.optional(Reader::uint).in_part("hello version")?;
    let hello = Hello {
        version: version.unwrap_or(VERSION),
        pid: fields.optional(Reader::uint).in_part("hello pid")?,
        process: fields.optional(text).in_part("hello process name")?,
        time: fields.optional(Reader::uint).in_part("hello time")?,
        context: pairs(fields.optional(Reader::map).in_part("hello context")?),
        instance: fields.lenient(Reader::u32).in_part("hello instance")?,
    };
    fields.close().in_part("hello")?;
    Ok(hello)
}

fn fragment<'a>(reader: Reader<'a>) -> Result<Fragment<'a>, PayloadError> {
    let mut fields = Fields::open(reader, 5).in_part("fragment")?;
    let fragment = Fragment {
        pid: fields.optional(Reader::uint).in_part("fragment pid")?,
        stream: fields.required(Reader::uint).in_part("fragment stream")?,
        index: fields.required(Reader::uint).in_part("fragment index")?,
        last: fields.required(Reader::bool).in_part("fragment last")?,
        bytes: Cow::Borrowed(fields.required(Reader::bin).in_part("fragment bytes")?),
    };
    fields.close().in_part("fragment")?;
    Ok(fragment)
}

fn dropped(reader: Reader<'_>) -> Result<Dropped, PayloadError> {
    let mut fields = Fields::open(reader, 0).in_part("dropped")?;
    let dropped = Dropped {
        pid: fields.optional(Reader::uint).in_part("dropped pid")?,
        time: fields.optional(Reader::uint).in_part("dropped time")?,
        counts: fields
            .optional(levels)
            .in_part("dropped counts")?
            .unwrap_or_default(),
        instance: fields.lenient(Reader::u32).in_part("dropped instance")?,
    };
    fields.close().in_part("dropped")?;
    Ok(dropped)
}

fn close(reader: Reader<'_>) -> Result<Close, PayloadError> {
    let mut fields = Fields::open(reader, 0).in_part("close")?;
    let mut close = Close {
        pid: fields.optional(Reader::uint).in_part("close pid")?,
        time: fields.optional(Reader::uint).in_part("close time")?,
        sent: fields
            .optional(Reader::uint)
            .in_part("close sent")?
            .unwrap_or_default(),
        dropped: fields
            .optional(Reader::uint)
            .in_part("close dropped")?
            .unwrap_or_default(),
        instance: fields.lenient(Reader::u32).in_part("close instance")?,
        held_back: fields
            .lenient(Reader::uint)
            .in_part("close held back")?
            .unwrap_or_default(),
        dropped_by_level: None,
    };
    close.dropped_by_level = fields.lenient(levels).in_part("close dropped by level")?;
    fields.close().in_part("close")?;
    Ok(close)
}

fn text<'a>(reader: &mut Reader<'a>) -> msgpack::Result<Cow<'a, str>> {
    reader.str().map(Cow::Borrowed)
}

#[inline(always)]
fn pairs(map: Option<CheckedMap<'_>>) -> KeyValues<'_> {
    map.map(KeyValues::from_checked).unwrap_or_default()
}

#[inline(always)]
fn level(reader: &mut Reader<'_>) -> msgpack::Result<Level> {
    let offset = reader.position();
    match reader.uint()? {
        1 => Ok(Level::Error),
        2 => Ok(Level::Warn),
        3 => Ok(Level::Info),
        4 => Ok(Level::Debug),
        5 => Ok(Level::Trace),
        _ => Err(PayloadError::new(
            Reason::Range("1 (error) to 5 (trace)"),
            offset,
        )),
    }
}

fn levels(reader: &mut Reader<'_>) -> msgpack::Result<Levels> {
    let mut levels = Levels::default();
    for position in 0..reader.array_len()? {
        match levels.0.get_mut(position) {
            Some(count) => *count = reader.uint()?,
            None => reader.skip()?,
        }
    }
    Ok(levels)
}

/// Reads `[message, [source, ...], backtrace or nil, key or nil]`. All but the message may be missing; items of later
/// versions are skipped.
fn error_info<'a>(reader: &mut Reader<'a>) -> msgpack::Result<ErrorInfo<'a>> {
    let offset = reader.position();
    let length = reader.array_len()?;
    if length == 0 {
        let reason = Reason::TooFewFields { found: 0, least: 1 };
        return Err(PayloadError::new(reason, offset));
    }
    let mut info = ErrorInfo::new(reader.str()?);
    for position in 1..length {
        match position {
            1 => {
                info.sources = reader.optional(Sources::read)?.unwrap_or_default();
            }
            2 => info.backtrace = reader.optional(text)?,
            3 => info.key = reader.optional(text)?,
            _ => reader.skip()?,
        }
    }
    Ok(info)
}

/// Reads `[reason, id, left]`. Items of later versions are skipped.
fn batch(reader: &mut Reader<'_>) -> msgpack::Result<BatchInfo> {
    let start = reader.position();
    let found = reader.array_len()?;
    if found < 3 {
        let reason = Reason::TooFewFields { found, least: 3 };
        return Err(PayloadError::new(reason, start));
    }
    let reason = BatchReason::from_number(reader.uint()?);
    let info = BatchInfo::new(reason, reader.uint()?, reader.uint()?);
    for _ in 3..found {
        reader.skip()?;
    }
    Ok(info)
}
