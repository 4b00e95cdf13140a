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
        let mut fields = Fields::new(bytes);
        payload(&mut fields).map_err(|fault| fields.error(&fault))
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

fn payload<'a>(fields: &mut Fields<'a>) -> unpack::Result<Payload<'a>> {
    Ok(match fields.kind()? {
        payload::RECORD => Payload::Record(record(fields)?),
        payload::HELLO => Payload::Hello(hello(fields)?),
        payload::FRAGMENT => Payload::Fragment(fragment(fields)?),
        payload::DROPPED => Payload::Dropped(dropped(fields)?),
        payload::CLOSE => Payload::Close(close(fields)?),
        kind => Payload::Unknown(kind),
    })
}

#[inline]
fn record<'a>(fields: &mut Fields<'a>) -> unpack::Result<LogRecord<'a>> {
    fields.open("record", LogRecord::REQUIRED_FIELDS)?;
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
        key_values: fields.or_default("record key-values", key_values)?,
        context: fields.or_default("record context", key_values)?,
        error: fields.optional("record error", error_info)?,
        original_length: fields.optional("record original length", Reader::uint)?,
    };
    fields.close("record")?;
    Ok(record)
}

fn hello<'a>(fields: &mut Fields<'a>) -> unpack::Result<Hello<'a>> {
    fields.open("hello", 0)?;
    let version = fields.optional("hello version", Reader::uint)?;
    let hello = Hello {
        version: version.unwrap_or(VERSION),
        pid: fields.optional("hello pid", Reader::uint)?,
        process: fields.optional("hello process name", text)?,
        time: fields.optional("hello time", Reader::uint)?,
        context: fields.or_default("hello context", key_values)?,
    };
    fields.close("hello")?;
    Ok(hello)
}

fn fragment<'a>(fields: &mut Fields<'a>) -> unpack::Result<Fragment<'a>> {
    fields.open("fragment", 5)?;
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

fn dropped(fields: &mut Fields<'_>) -> unpack::Result<Dropped> {
    fields.open("dropped", 0)?;
    let dropped = Dropped {
        pid: fields.optional("dropped pid", Reader::uint)?,
        time: fields.optional("dropped time", Reader::uint)?,
        counts: fields.or_default("dropped counts", levels)?,
    };
    fields.close("dropped")?;
    Ok(dropped)
}

fn close(fields: &mut Fields<'_>) -> unpack::Result<Close> {
    fields.open("close", 0)?;
    let close = Close {
        pid: fields.optional("close pid", Reader::uint)?,
        time: fields.optional("close time", Reader::uint)?,
        sent: fields.or_default("close sent", Reader::uint)?,
        dropped: fields.or_default("close dropped", Reader::uint)?,
    };
    fields.close("close")?;
    Ok(close)
}

/// The fields of one payload: as many as its writer knew.
struct Fields<'a> {
    reader: Reader<'a>,
    left: usize,
    /// What is being read, for the error.
    part: &'static str,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            left: 0,
            part: "payload",
        }
    }

    fn kind(&mut self) -> unpack::Result<u8> {
        match self.reader.byte() {
            Ok(kind @ 0..=0x7f) => Ok(kind),
            Ok(_) => Err(Fault::new(Reason::Kind, 0)),
            Err(_) => Err(Fault::new(Reason::Empty, 0)),
        }
    }

    fn open(&mut self, kind: &'static str, least: usize) -> unpack::Result<()> {
        self.part = kind;
        let start = self.reader.position();
        self.left = self.reader.array_len()?;
        if self.left < least {
            let found = self.left;
            return Err(Fault::new(Reason::TooFewFields { found, least }, start));
        }
        Ok(())
    }

    #[inline]
    fn required<T>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> unpack::Result<T>,
    ) -> unpack::Result<T> {
        self.part = part;
        self.left -= 1;
        read(&mut self.reader)
    }

    #[inline]
    fn optional<T>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> unpack::Result<T>,
    ) -> unpack::Result<Option<T>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.part = part;
        self.left -= 1;
        self.reader.optional(read)
    }

    #[inline]
    fn or_default<T: Default>(
        &mut self,
        part: &'static str,
        read: impl FnOnce(&mut Reader<'a>) -> unpack::Result<T>,
    ) -> unpack::Result<T> {
        self.optional(part, read).map(Option::unwrap_or_default)
    }

    /// Passes over the fields of a later version; nothing may stand behind them.
    fn close(&mut self, kind: &'static str) -> unpack::Result<()> {
        self.part = kind;
        for _ in 0..self.left {
            self.reader.skip()?;
        }
        match self.reader.remaining() {
            0 => Ok(()),
            behind => Err(Fault::new(
                Reason::TrailingBytes(behind),
                self.reader.position(),
            )),
        }
    }

    #[cold]
    fn error(&self, fault: &Fault) -> PayloadError {
        PayloadError::new(self.part, fault.offset, fault.reason)
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
