use std::borrow::Cow;

use log::Level;

use crate::{
    Close, Dropped, ErrorInfo, Fragment, Hello, KeyValues, Levels, LogRecord, Payload,
    PayloadError, Reason, Sources, VERSION, payload,
    unpack::{self, Fault, Reader},
};

impl<'a> Payload<'a> {
    /// Decodes one payload, without the length in front. Allocates nothing; everything borrows from `bytes`.
    ///
    /// Fewer fields than this version knows are taken as nil, more are passed over.
    ///
    /// # Errors
    ///
    /// Where `bytes` are no payload of version 1, including where anything stands behind it.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, PayloadError> {
        match bytes.first().copied() {
            None => Err(PayloadError::new("payload", 0, Reason::Empty)),
            Some(payload::RECORD) => record(bytes).map(Payload::Record),
            Some(payload::HELLO) => hello(bytes).map(Payload::Hello),
            Some(payload::FRAGMENT) => fragment(bytes).map(Payload::Fragment),
            Some(payload::DROPPED) => dropped(bytes).map(Payload::Dropped),
            Some(payload::CLOSE) => close(bytes).map(Payload::Close),
            Some(kind @ 0..=0x7f) => Ok(Payload::Unknown(kind)),
            Some(_) => Err(PayloadError::new("payload", 0, Reason::Kind)),
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

fn record(bytes: &[u8]) -> Result<LogRecord<'_>, PayloadError> {
    let mut fields = Fields::open("record", bytes, LogRecord::REQUIRED_FIELDS)?;
    let record = LogRecord {
        seq: fields.required("record seq", Reader::uint)?,
        time: fields.required("record time", Reader::uint)?,
        level: fields.required("record level", level)?,
        target: fields.required("record target", text)?,
        message: fields.required("record message", text)?,
        pid: fields.optional("record pid", Reader::uint)?,
        process: fields.optional("record process name", text)?,
        thread_id: fields.optional("record thread id", Reader::uint)?,
        thread: fields.optional("record thread name", text)?,
        module_path: fields.optional("record module path", text)?,
        file: fields.optional("record file", text)?,
        line: fields.optional("record line", line)?,
        key_values: fields
            .optional("record key-values", key_values)?
            .unwrap_or_default(),
        context: fields
            .optional("record context", key_values)?
            .unwrap_or_default(),
        error: fields.optional("record error", error_info)?,
        original_length: fields.optional("record original length", Reader::uint)?,
    };
    fields.close("record")?;
    Ok(record)
}

fn hello(bytes: &[u8]) -> Result<Hello<'_>, PayloadError> {
    let mut fields = Fields::open("hello", bytes, 0)?;
    let hello = Hello {
        version: fields
            .optional("hello version", Reader::uint)?
            .unwrap_or(VERSION),
        pid: fields.optional("hello pid", Reader::uint)?,
        process: fields.optional("hello process name", text)?,
        time: fields.optional("hello time", Reader::uint)?,
        context: fields
            .optional("hello context", key_values)?
            .unwrap_or_default(),
    };
    fields.close("hello")?;
    Ok(hello)
}

fn fragment(bytes: &[u8]) -> Result<Fragment<'_>, PayloadError> {
    let mut fields = Fields::open("fragment", bytes, 5)?;
    let fragment = Fragment {
        pid: fields.optional("fragment pid", Reader::uint)?,
        stream: fields.required("fragment stream", Reader::uint)?,
        index: fields.required("fragment index", Reader::uint)?,
        last: fields.required("fragment last", Reader::bool)?,
        bytes: Cow::Borrowed(fields.required("fragment bytes", Reader::bin)?),
    };
    fields.close("fragment")?;
    Ok(fragment)
}

fn dropped(bytes: &[u8]) -> Result<Dropped, PayloadError> {
    let mut fields = Fields::open("dropped", bytes, 0)?;
    let dropped = Dropped {
        pid: fields.optional("dropped pid", Reader::uint)?,
        time: fields.optional("dropped time", Reader::uint)?,
        counts: fields
            .optional("dropped counts", levels)?
            .unwrap_or_default(),
    };
    fields.close("dropped")?;
    Ok(dropped)
}

fn close(bytes: &[u8]) -> Result<Close, PayloadError> {
    let mut fields = Fields::open("close", bytes, 0)?;
    let close = Close {
        pid: fields.optional("close pid", Reader::uint)?,
        time: fields.optional("close time", Reader::uint)?,
        sent: fields
            .optional("close sent", Reader::uint)?
            .unwrap_or_default(),
        dropped: fields
            .optional("close dropped", Reader::uint)?
            .unwrap_or_default(),
    };
    fields.close("close")?;
    Ok(close)
}

/// The fields of one payload: as many as its writer knew.
struct Fields<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Fields<'a> {
    fn open(kind: &'static str, bytes: &'a [u8], least: usize) -> Result<Self, PayloadError> {
        let mut reader = Reader::new(bytes);
        let _kind = reader.byte().map_err(PayloadError::of(kind))?;
        let start = reader.position();
        let left = reader.array_len().map_err(PayloadError::of(kind))?;
        if left < least {
            let reason = Reason::TooFewFields { found: left, least };
            return Err(PayloadError::new(kind, start, reason));
        }
        Ok(Self { reader, left })
    }

    #[inline]
    fn required<T>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> unpack::Result<T>,
    ) -> Result<T, PayloadError> {
        self.left -= 1;
        read(&mut self.reader).map_err(PayloadError::of(part))
    }

    #[inline]
    fn optional<T>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> unpack::Result<T>,
    ) -> Result<Option<T>, PayloadError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.optional(read).map_err(PayloadError::of(part))
    }

    /// Passes over the fields of a later version; nothing may stand behind them.
    fn close(mut self, kind: &'static str) -> Result<(), PayloadError> {
        for _ in 0..self.left {
            self.reader.skip().map_err(PayloadError::of(kind))?;
        }
        match self.reader.remaining() {
            0 => Ok(()),
            behind => {
                let reason = Reason::TrailingBytes(behind);
                Err(PayloadError::new(kind, self.reader.position(), reason))
            }
        }
    }
}

#[inline]
fn text<'a>(reader: &mut Reader<'a>) -> unpack::Result<Cow<'a, str>> {
    reader.str().map(Cow::Borrowed)
}

fn key_values<'a>(reader: &mut Reader<'a>) -> unpack::Result<KeyValues<'a>> {
    reader.map().map(KeyValues::from_checked)
}

fn level(reader: &mut Reader<'_>) -> unpack::Result<Level> {
    let offset = reader.position();
    match reader.uint()? {
        1 => Ok(Level::Error),
        2 => Ok(Level::Warn),
        3 => Ok(Level::Info),
        4 => Ok(Level::Debug),
        5 => Ok(Level::Trace),
        _ => Err(Fault::new(Reason::Range("1 (error) to 5 (trace)"), offset)),
    }
}

fn line(reader: &mut Reader<'_>) -> unpack::Result<u32> {
    let offset = reader.position();
    u32::try_from(reader.uint()?).map_err(|_| Fault::new(Reason::Range("32 bits"), offset))
}

fn levels(reader: &mut Reader<'_>) -> unpack::Result<Levels> {
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
fn error_info<'a>(reader: &mut Reader<'a>) -> unpack::Result<ErrorInfo<'a>> {
    let offset = reader.position();
    let length = reader.array_len()?;
    if length == 0 {
        let reason = Reason::TooFewFields { found: 0, least: 1 };
        return Err(Fault::new(reason, offset));
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
