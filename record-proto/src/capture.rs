use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
};

use log::kv::{self, VisitSource, VisitValue};

use crate::{
    ErrorInfo, KeyValues, LogRecord, Sources, fit::cut_text, pack, record::now,
    text::floor_boundary,
};

/// What stands behind the text so far where a value's `Display` or `Debug` returned an error.
pub const FORMATTING_FAILED: &str = "<formatting failed>";

/// What stands behind the text so far where a value's `Display` or `Debug` panicked.
pub const FORMATTING_PANICKED: &str = "<formatting panicked>";

/// The longest message and the longest text of one value that a [`Scratch`] keeps unless told otherwise: 256 KiB.
pub const DEFAULT_TEXT_LIMIT: usize = 262_144;

/// Buffers for capturing records, reused from one to the next.
///
/// Once they have grown to the size of the records, capturing allocates nothing. It cannot fail either: a value whose
/// formatting fails or panics keeps the text so far and a marker behind it.
///
/// A message longer than the limit is cut at a character's boundary and has its
/// [`original_length`](LogRecord::original_length) noted; a longer text among the key-values says at its end that it
/// was cut.
///
/// ```
/// use record_proto::Scratch;
///
/// let mut scratch = Scratch::new();
/// let kvs = [("job", 7)];
/// let record = scratch.capture(
///     &log::Record::builder().args(format_args!("done")).key_values(&kvs).build(),
/// ).into_owned();
/// assert_eq!(record.message, "done");
/// assert_eq!(record.key_values.get("job"), Some(7.into()));
/// ```
#[derive(Debug)]
pub struct Scratch {
    message: String,
    pairs: Pairs,
    message_limit: usize,
    value_limit: usize,
}

impl Scratch {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self {
            message: String::new(),
            pairs: Pairs::new(),
            message_limit: DEFAULT_TEXT_LIMIT,
            value_limit: DEFAULT_TEXT_LIMIT,
        }
    }

    /// Sets the longest message, and the longest text of one value, in bytes.
    #[must_use]
    pub const fn with_text_limit(mut self, bytes: usize) -> Self {
        self.set_limits(bytes, bytes);
        self
    }

    /// Sets the longest message and the longest text of one value in bytes, each by itself.
    pub const fn set_limits(&mut self, message: usize, value: usize) {
        self.message_limit = message;
        self.value_limit = value;
    }

    /// Takes in what a record says, with the present time. Everything else (seq, process, thread, context) is empty.
    pub fn capture<'s>(&'s mut self, record: &'s log::Record<'_>) -> LogRecord<'s> {
        let time = now();
        let (message, original_length) =
            capture_message(&mut self.message, record, self.message_limit);
        self.pairs.capture(record.key_values(), self.value_limit);
        LogRecord {
            time,
            original_length,
            module_path: record.module_path().map(Cow::Borrowed),
            file: record.file().map(Cow::Borrowed),
            line: record.line(),
            key_values: KeyValues::from_checked(self.pairs.map()),
            error: self.pairs.error_info(),
            ..LogRecord::empty(record.level(), record.target(), message)
        }
    }

    /// Gives memory back where an unusually large record made a buffer grow beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        for text in [&mut self.message, &mut self.pairs.text] {
            text.clear();
            text.shrink_to(bytes);
        }
        self.pairs.bytes.clear();
        self.pairs.bytes.shrink_to(bytes);
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The message within the limit, and its length where it had to be cut.
fn capture_message<'s>(
    buffer: &'s mut String,
    record: &log::Record<'s>,
    limit: usize,
) -> (&'s str, Option<u64>) {
    if let Some(text) = record.args().as_str() {
        let cut = (text.len() > limit).then_some(text.len() as u64);
        return (&text[..floor_boundary(text, limit)], cut);
    }
    let length = format(buffer, limit, record.args());
    let cut = (length > buffer.len()).then_some(length as u64);
    (buffer, cut)
}

/// Formats into a cleared buffer, at most `limit` bytes, whatever happens. Returns how long the whole text was.
fn format(buffer: &mut String, limit: usize, value: impl fmt::Display) -> usize {
    buffer.clear();
    let mut text = Limited {
        buffer,
        limit,
        length: 0,
    };
    match catch_unwind(AssertUnwindSafe(|| write!(text, "{value}"))) {
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text.mark(FORMATTING_FAILED),
        Err(panic) => {
            // Dropping what was panicked with may panic once more.
            std::mem::forget(panic);
            text.mark(FORMATTING_PANICKED);
        }
    }
    text.length
}

/// Keeps the first bytes of a text and counts all of them.
struct Limited<'a> {
    buffer: &'a mut String,
    limit: usize,
    length: usize,
}

impl Limited<'_> {
    fn mark(&mut self, mark: &str) {
        let _never_fails = self.write_str(mark);
    }
}

impl Write for Limited<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // Behind the first cut nothing more fits, even where a shorter character would.
        let room = match self.length == self.buffer.len() {
            true => self.limit - self.buffer.len(),
            false => 0,
        };
        self.length += piece.len();
        let piece = match piece.len() <= room {
            true => piece,
            false => &piece[..floor_boundary(piece, room)],
        };
        self.buffer.push_str(piece);
        Ok(())
    }
}

/// The key-values of one record as an encoded map, and its first error.
#[derive(Debug)]
struct Pairs {
    /// Room for the longest head of a map, then the pairs.
    bytes: Vec<u8>,
    start: usize,
    text: String,
    error: Option<FirstError>,
}

#[derive(Debug)]
struct FirstError {
    key: String,
    message: String,
    sources: Sources<'static>,
}

impl Pairs {
    const HEAD: usize = 5;

    const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            text: String::new(),
            error: None,
        }
    }

    fn capture(&mut self, source: &dyn kv::Source, text_limit: usize) {
        self.error = None;
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; Self::HEAD]);
        let mut visitor = Visitor {
            pairs: self,
            text_limit,
            count: 0,
        };
        // A source may be anybody's. What it has shown before it failed or panicked is kept.
        let visited = catch_unwind(AssertUnwindSafe(|| source.visit(&mut visitor)));
        let count = visitor.count;
        visited.map(drop).unwrap_or_else(std::mem::forget);
        self.close(count);
    }

    /// Puts the head directly in front of the pairs.
    fn close(&mut self, count: usize) {
        if count == 0 {
            self.start = self.bytes.len();
            return;
        }
        let mut head = [0; Self::HEAD];
        let mut unused = &mut head[..];
        pack::map_len(&mut unused, count);
        let length = Self::HEAD - unused.len();
        self.start = Self::HEAD - length;
        self.bytes[self.start..Self::HEAD].copy_from_slice(&head[..length]);
    }

    fn map(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn error_info(&self) -> Option<ErrorInfo<'_>> {
        let error = self.error.as_ref()?;
        Some(ErrorInfo {
            message: Cow::Borrowed(&error.message),
            sources: error.sources.clone(),
            backtrace: None,
            key: Some(Cow::Borrowed(&error.key)),
        })
    }

    fn push_display(&mut self, limit: usize, value: impl fmt::Display) {
        let length = format(&mut self.text, limit, value);
        if length > self.text.len() {
            cut_text(&mut self.text, limit, length);
        }
        pack::str(&mut self.bytes, &self.text);
    }
}

struct Visitor<'a> {
    pairs: &'a mut Pairs,
    text_limit: usize,
    count: usize,
}

impl<'kvs> VisitSource<'kvs> for Visitor<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        pack::str(&mut self.pairs.bytes, key.as_str());
        let value_start = self.pairs.bytes.len();
        let visited = value.visit(ValueVisitor {
            key: key.as_str(),
            pairs: self.pairs,
            text_limit: self.text_limit,
        });
        if visited.is_err() {
            self.pairs.bytes.truncate(value_start);
            pack::str(&mut self.pairs.bytes, FORMATTING_FAILED);
        }
        self.count += 1;
        Ok(())
    }
}

struct ValueVisitor<'a> {
    key: &'a str,
    pairs: &'a mut Pairs,
    text_limit: usize,
}

impl ValueVisitor<'_> {
    /// One error of a record is kept with its sources; further ones become their chain as one text.
    fn push_error(&mut self, error: &(dyn Error + 'static)) {
        if self.pairs.error.is_some() {
            self.pairs.push_display(self.text_limit, Chain(error));
            return;
        }
        self.pairs.push_display(self.text_limit, error);
        let message = self.pairs.text.clone();
        let mut sources = Vec::new();
        let mut next = source(error);
        while let Some(error) = next
            && sources.len() < MAX_SOURCES
        {
            let length = format(&mut self.pairs.text, self.text_limit, error);
            cut_text(&mut self.pairs.text, self.text_limit, length);
            sources.push(self.pairs.text.clone());
            next = source(error);
        }
        self.pairs.error = Some(FirstError {
            key: self.key.to_owned(),
            message,
            sources: sources.into_iter().collect(),
        });
    }
}

/// No honest chain is longer; one that leads back to itself has no end.
const MAX_SOURCES: usize = 64;

/// An error's source; `source` is anybody's code too.
fn source<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or_else(|panic| {
        std::mem::forget(panic);
        None
    })
}

struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        for _ in 0..MAX_SOURCES {
            let Some(error) = next else { break };
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

type Visited = Result<(), kv::Error>;

impl<'v> VisitValue<'v> for ValueVisitor<'_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Visited {
        #[cfg(feature = "kv_serde")]
        if structure::push(&mut self.pairs.bytes, &value, self.text_limit) {
            return Ok(());
        }
        self.pairs.push_display(self.text_limit, value);
        Ok(())
    }

    fn visit_null(&mut self) -> Visited {
        pack::nil(&mut self.pairs.bytes);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Visited {
        pack::bool(&mut self.pairs.bytes, value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Visited {
        pack::int(&mut self.pairs.bytes, value);
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Visited {
        pack::uint(&mut self.pairs.bytes, value);
        Ok(())
    }

    fn visit_i128(&mut self, value: i128) -> Visited {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.visit_i64(value),
            (_, Ok(value)) => self.visit_u64(value),
            _ => {
                self.pairs.push_display(self.text_limit, value);
                Ok(())
            }
        }
    }

    fn visit_u128(&mut self, value: u128) -> Visited {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => {
                self.pairs.push_display(self.text_limit, value);
                Ok(())
            }
        }
    }

    fn visit_f64(&mut self, value: f64) -> Visited {
        pack::f64(&mut self.pairs.bytes, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Visited {
        match value.len() <= self.text_limit {
            true => pack::str(&mut self.pairs.bytes, value),
            false => self.pairs.push_display(self.text_limit, value),
        }
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Visited {
        self.push_error(error);
        Ok(())
    }

    /// By default a borrowed error goes to `visit_any` and would lose its sources.
    fn visit_borrowed_error(&mut self, error: &'v (dyn Error + 'static)) -> Visited {
        self.push_error(error);
        Ok(())
    }
}

#[cfg(feature = "kv_serde")]
mod structure {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use serde::Serialize;

    use crate::unpack::Reader;

    /// Appends what serde makes of a value; `false`, and nothing appended, where the format has no form for it.
    pub(super) fn push(bytes: &mut Vec<u8>, value: &log::kv::Value<'_>, limit: usize) -> bool {
        let start = bytes.len();
        // Formats for people show an IP address or a UUID as text.
        let mut serializer = rmp_serde::Serializer::new(&mut *bytes)
            .with_struct_map()
            .with_human_readable();
        let serialized = catch_unwind(AssertUnwindSafe(|| value.serialize(&mut serializer)));
        let serialized = serialized.unwrap_or_else(|panic| {
            std::mem::forget(panic);
            Err(serde::ser::Error::custom("panicked"))
        });
        let mut reader = Reader::new(&bytes[start..]);
        let fits = serialized.is_ok()
            && reader.value(0).is_ok()
            && reader.remaining() == 0
            && reader.position() <= limit;
        if !fits {
            bytes.truncate(start);
        }
        fits
    }
}
