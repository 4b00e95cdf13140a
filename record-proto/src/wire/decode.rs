use std::borrow::Cow;

use log::Level;

use super::error::PayloadError;
use super::fields::{Fields, Part};
use super::fragment::Fragment;
use super::payload::{self, Close, Dropped, Hello, Levels, Payload, VERSION};
use crate::kv::{ErrorInfo, Hints, KeyValues, Sources};
use crate::msgpack::{self, DecodeError, Reader, Reason};
use crate::record::{BatchInfo, BatchReason, LogRecord, Spans};

impl<'a> Payload<'a> {
    /// Decodes one payload, without the length in front. Allocates nothing; everything borrows from `bytes`.
    ///
    /// Fewer fields than this version knows are taken as nil, more are passed over.
    ///
    /// # Errors
    ///
    /// Where `bytes` are no payload of version 1, including where anything stands behind it.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        match bytes {
            [payload::RECORD, ..] => record(bytes),
            _ => other(bytes),
        }
    }
}

impl<'a> LogRecord<'a> {
    /// Decodes a payload that must be a record; [`Payload::decode`] for any kind.
    ///
    /// # Errors
    ///
    /// Where `bytes` are no payload of version 1, or one of another kind ([`Reason::NotARecord`]).
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        match Payload::decode(bytes)? {
            Payload::Record(record) => Ok(record),
            _ => Err(PayloadError::new(
                "payload",
                0,
                Reason::NotARecord(bytes[0]),
            )),
        }
    }
}

/// The frequent kind. All fields are read first, in registers where the compiler can, and moved once.
fn record<'a>(bytes: &'a [u8]) -> Result<Payload<'a>, PayloadError> {
    let mut fields = Fields::open(bytes, LogRecord::REQUIRED_FIELDS).part("record")?;
    let seq = fields.required(|r| r.uint()).part("record seq")?;
    let time = fields.required(|r| r.uint()).part("record time")?;
    let level = fields.required(|r| level(r)).part("record level")?;
    let target = fields.required(|r| r.str()).part("record target")?;
    let message = fields.required(|r| r.str()).part("record message")?;
    let pid = fields.optional(|r| r.uint()).part("record pid")?;
    let process = fields.optional(|r| r.str()).part("record process name")?;
    let thread_id = fields.optional(|r| r.uint()).part("record thread id")?;
    let thread = fields.optional(|r| r.str()).part("record thread name")?;
    let module_path = fields.optional(|r| r.str()).part("record module path")?;
    let file = fields.optional(|r| r.str()).part("record file")?;
    let line = fields.optional(|r| r.u32()).part("record line")?;
    let key_values = fields.optional(|r| r.map()).part("record key-values")?;
    let context = fields.optional(|r| r.map()).part("record context")?;
    let last = match fields.usual_end() {
        Some(instance) => LastFields::of_instance(instance),
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

/// The fields that few records have, and the instance.
struct LastFields<'a> {
    error: Option<ErrorInfo<'a>>,
    original_length: Option<u64>,
    spans: Spans<'a>,
    instance: Option<u32>,
    batch: Option<BatchInfo>,
}

impl LastFields<'_> {
    fn of_instance(instance: u32) -> Self {
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
    let error = fields.optional(error_info).part("record error")?;
    let original_length = fields
        .optional(|r| r.uint())
        .part("record original length")?;
    let spans = fields.tolerated(Spans::read).part("record spans")?;
    let instance = fields.tolerated(|r| r.u32()).part("record instance")?;
    let batch = fields.tolerated(batch).part("record batch")?;
    fields.close().part("record")?;
    Ok(LastFields {
        error,
        original_length,
        spans: spans.unwrap_or_default(),
        instance,
        batch,
    })
}

fn other<'a>(bytes: &'a [u8]) -> Result<Payload<'a>, PayloadError> {
    Ok(match bytes.first() {
        Some(&payload::HELLO) => Payload::Hello(hello(bytes)?),
        Some(&payload::FRAGMENT) => Payload::Fragment(fragment(bytes)?),
        Some(&payload::DROPPED) => Payload::Dropped(dropped(bytes)?),
        Some(&payload::CLOSE) => Payload::Close(close(bytes)?),
        Some(&payload::BELL) => Payload::Bell,
        Some(&kind @ 0..=0x7f) => Payload::Unknown(kind),
        Some(_) => return Err(PayloadError::new("payload", 0, Reason::Kind)),
        None => return Err(PayloadError::new("payload", 0, Reason::Empty)),
    })
}

fn hello<'a>(bytes: &'a [u8]) -> Result<Hello<'a>, PayloadError> {
    let mut fields = Fields::open(bytes, 0).part("hello")?;
    let version = fields.optional(Reader::uint).part("hello version")?;
    let hello = Hello {
        version: version.unwrap_or(VERSION),
        pid: fields.optional(Reader::uint).part("hello pid")?,
        process: fields.optional(text).part("hello process name")?,
        time: fields.optional(Reader::uint).part("hello time")?,
        context: pairs(fields.optional(Reader::map).part("hello context")?),
        instance: fields.tolerated(Reader::u32).part("hello instance")?,
    };
    fields.close().part("hello")?;
    Ok(hello)
}

fn fragment<'a>(bytes: &'a [u8]) -> Result<Fragment<'a>, PayloadError> {
    let mut fields = Fields::open(bytes, 5).part("fragment")?;
    let fragment = Fragment {
        pid: fields.optional(Reader::uint).part("fragment pid")?,
        stream: fields.required(Reader::uint).part("fragment stream")?,
        index: fields.required(Reader::uint).part("fragment index")?,
        last: fields.required(Reader::bool).part("fragment last")?,
        bytes: Cow::Borrowed(fields.required(Reader::bin).part("fragment bytes")?),
    };
    fields.close().part("fragment")?;
    Ok(fragment)
}

fn dropped(bytes: &[u8]) -> Result<Dropped, PayloadError> {
    let mut fields = Fields::open(bytes, 0).part("dropped")?;
    let dropped = Dropped {
        pid: fields.optional(Reader::uint).part("dropped pid")?,
        time: fields.optional(Reader::uint).part("dropped time")?,
        counts: fields
            .optional(levels)
            .part("dropped counts")?
            .unwrap_or_default(),
        instance: fields.tolerated(Reader::u32).part("dropped instance")?,
    };
    fields.close().part("dropped")?;
    Ok(dropped)
}

fn close(bytes: &[u8]) -> Result<Close, PayloadError> {
    let mut fields = Fields::open(bytes, 0).part("close")?;
    let mut close = Close {
        pid: fields.optional(Reader::uint).part("close pid")?,
        time: fields.optional(Reader::uint).part("close time")?,
        sent: fields
            .optional(Reader::uint)
            .part("close sent")?
            .unwrap_or_default(),
        dropped: fields
            .optional(Reader::uint)
            .part("close dropped")?
            .unwrap_or_default(),
        instance: fields.tolerated(Reader::u32).part("close instance")?,
        held_back: fields
            .tolerated(Reader::uint)
            .part("close held back")?
            .unwrap_or_default(),
        dropped_by_level: None,
    };
    close.dropped_by_level = fields.tolerated(levels).part("close dropped by level")?;
    fields.close().part("close")?;
    Ok(close)
}

fn text<'a>(reader: &mut Reader<'a>) -> msgpack::Result<Cow<'a, str>> {
    reader.str().map(Cow::Borrowed)
}

#[inline(always)]
fn pairs<'a>(map: Option<(&'a [u8], Hints)>) -> KeyValues<'a> {
    match map {
        Some((bytes, hints)) => KeyValues::from_checked(bytes, hints),
        None => KeyValues::new(),
    }
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
        _ => Err(DecodeError::new(
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

/// `[message, [source, ...], backtrace or nil, key or nil]`; shorter and longer arrays grow as fields do.
fn error_info<'a>(reader: &mut Reader<'a>) -> msgpack::Result<ErrorInfo<'a>> {
    let offset = reader.position();
    let length = reader.array_len()?;
    if length == 0 {
        let reason = Reason::TooFewFields { found: 0, least: 1 };
        return Err(DecodeError::new(reason, offset));
    }
    let mut info = ErrorInfo::new(reader.str()?);
    for position in 1..length {
        match position {
            1 => {
                let sources = reader.optional(Reader::array_of_str)?;
                info.sources = sources.map(Sources::from_checked).unwrap_or_default();
            }
            2 => info.backtrace = reader.optional(text)?,
            3 => info.key = reader.optional(text)?,
            _ => reader.skip()?,
        }
    }
    Ok(info)
}

/// `[reason, id, left]`, and perhaps more of a later version.
fn batch(reader: &mut Reader<'_>) -> msgpack::Result<BatchInfo> {
    let start = reader.position();
    let found = reader.array_len()?;
    if found < 3 {
        let reason = Reason::TooFewFields { found, least: 3 };
        return Err(DecodeError::new(reason, start));
    }
    let reason = BatchReason::from_number(reader.uint()?);
    let info = BatchInfo::new(reason, reader.uint()?, reader.uint()?);
    for _ in 3..found {
        reader.skip()?;
    }
    Ok(info)
}
