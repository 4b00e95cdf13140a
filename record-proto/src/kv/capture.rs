//! `KeyValueBuffer`: capturing the key-values of a log call.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use log::kv::{self, VisitSource, VisitValue};

use super::error_info::{ErrorInfo, MAX_SOURCES, Sources};
#[cfg(feature = "kv_serde")]
use super::serde_capture::{self, Captured};
use crate::msgpack::write;
use crate::text::{FORMATTING_FAILED, FORMATTING_PANICKED, discard, format, truncate_text};

/// The key-values of one record as an encoded map, and its first error.
#[derive(Debug)]
pub(crate) struct KeyValueBuffer {
    /// Room for the longest head of a map, then the pairs.
    bytes: Vec<u8>,
    /// The position of the map's head in `bytes`.
    start: usize,
    /// A buffer for formatting one value.
    text: String,
    error: Option<FirstError>,
}

#[derive(Debug)]
struct FirstError {
    key: String,
    message: String,
    sources: Sources<'static>,
}

impl KeyValueBuffer {
    /// The longest head of a map in bytes.
    const MAX_HEAD: usize = 5;

    /// More bytes than the head of a text takes, plus a number or a marker after it.
    const TEXT_OVERHEAD: usize = 64;

    pub(crate) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            text: String::new(),
            error: None,
        }
    }

    pub(crate) fn capture(&mut self, source: &dyn kv::Source, text_limit: usize) {
        self.error = None;
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; Self::MAX_HEAD]);
        let mut visitor = PairVisitor {
            pairs: self,
            text_limit,
            count: 0,
        };
        // The source is foreign code and may fail or panic. The pairs that it has shown before are kept.
        let visited = catch_unwind(AssertUnwindSafe(|| source.visit(&mut visitor)));
        let count = visitor.count;
        visited.map(drop).unwrap_or_else(discard);
        self.write_head(count);
    }

    /// Writes the head of the map directly in front of the pairs.
    fn write_head(&mut self, count: usize) {
        if count == 0 {
            self.start = self.bytes.len();
            return;
        }
        let mut head = [0; Self::MAX_HEAD];
        let mut unused = &mut head[..];
        write::map_len(&mut unused, count);
        let length = Self::MAX_HEAD - unused.len();
        self.start = Self::MAX_HEAD - length;
        self.bytes[self.start..Self::MAX_HEAD].copy_from_slice(&head[..length]);
    }

    pub(crate) fn map(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(crate) fn error_info(&self) -> Option<ErrorInfo<'_>> {
        let error = self.error.as_ref()?;
        Some(ErrorInfo {
            message: Cow::Borrowed(&error.message),
            sources: error.sources.clone(),
            backtrace: None,
            key: Some(Cow::Borrowed(&error.key)),
        })
    }

    /// Frees the memory of each buffer that an unusually large record made grow beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.text.clear();
        self.text.shrink_to(bytes);
        self.bytes.clear();
        self.bytes.shrink_to(bytes);
        self.start = 0;
    }

    /// Appends a structure, or a value that serde sees as text. Returns `false` and appends nothing if it is neither.
    #[cfg(feature = "kv_serde")]
    fn push_structure(&mut self, limit: usize, value: &kv::Value<'_>) -> bool {
        match serde_capture::capture(&mut self.bytes, &mut self.text, value, limit) {
            Captured::Structure => true,
            Captured::Text(length) => {
                self.push_text(limit, length);
                true
            }
            Captured::Nothing => false,
        }
    }

    fn push_display(&mut self, limit: usize, value: impl fmt::Display) {
        let length = format(&mut self.text, limit, value);
        self.push_text(limit, length);
    }

    /// Appends the content of the text buffer: the beginning of a text of this length.
    fn push_text(&mut self, limit: usize, length: usize) {
        if length > self.text.len() {
            truncate_text(&mut self.text, limit, length);
        }
        if self.reserve_text(self.text.len()) {
            write::str(&mut self.bytes, &self.text);
        }
    }

    /// Reserves memory for a text of this length. Returns `false` if the system has none.
    #[inline]
    fn reserve_text(&mut self, length: usize) -> bool {
        self.bytes.try_reserve(length + Self::TEXT_OVERHEAD).is_ok()
    }
}

struct PairVisitor<'a> {
    pairs: &'a mut KeyValueBuffer,
    text_limit: usize,
    count: usize,
}

impl<'kvs> VisitSource<'kvs> for PairVisitor<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        // A pair for which there is no memory is left out.
        if !self.pairs.reserve_text(key.as_str().len()) {
            return Ok(());
        }
        write::str(&mut self.pairs.bytes, key.as_str());
        let start = self.pairs.bytes.len();
        let visitor = ValueVisitor {
            key: key.as_str(),
            start,
            pairs: self.pairs,
            text_limit: self.text_limit,
        };
        // Foreign code runs during the visit: a structure is serialized, for instance. If it panics, the key must not
        // stay without a value, because that would make the whole payload malformed.
        let visited = catch_unwind(AssertUnwindSafe(|| value.visit(visitor)));
        let marker = match visited {
            Ok(Ok(())) if self.pairs.bytes.len() > start => None,
            Ok(_) => Some(FORMATTING_FAILED),
            Err(panic) => {
                discard(panic);
                Some(FORMATTING_PANICKED)
            }
        };
        if let Some(marker) = marker {
            self.pairs.bytes.truncate(start);
            write::str(&mut self.pairs.bytes, marker);
        }
        self.count += 1;
        Ok(())
    }
}

struct ValueVisitor<'a> {
    key: &'a str,
    /// The position in `pairs` at which the value begins.
    start: usize,
    pairs: &'a mut KeyValueBuffer,
    text_limit: usize,
}

impl ValueVisitor<'_> {
    /// Removes the value that an earlier call may have appended, and returns the bytes to append to.
    ///
    /// A structure may fail after a part of it was visited, and is then visited again. Only the last visit counts.
    fn restart(&mut self) -> &mut Vec<u8> {
        self.pairs.bytes.truncate(self.start);
        &mut self.pairs.bytes
    }

    fn push_display(&mut self, value: impl fmt::Display) {
        self.restart();
        self.pairs.push_display(self.text_limit, value);
    }

    /// Keeps the first error of a record with its sources. Each further error becomes one text: the chain of its
    /// messages.
    fn push_error(&mut self, error: &(dyn Error + 'static)) {
        if self.pairs.error.is_some() {
            self.push_display(Chain(error));
            return;
        }
        self.push_display(error);
        let Some(message) = try_copy(&self.pairs.text) else {
            return;
        };
        let mut sources = Vec::new();
        let mut next = source_of(error);
        while let Some(error) = next
            && sources.len() < MAX_SOURCES
        {
            let length = format(&mut self.pairs.text, self.text_limit, error);
            truncate_text(&mut self.pairs.text, self.text_limit, length);
            let Some(text) = try_copy(&self.pairs.text) else {
                break;
            };
            sources.push(text);
            next = source_of(error);
        }
        self.pairs.error = Some(FirstError {
            key: self.key.to_owned(),
            message,
            sources: sources.into_iter().collect(),
        });
    }
}

/// Copies a text. Returns `None` if there is no memory for it.
fn try_copy(text: &str) -> Option<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).ok()?;
    copy.push_str(text);
    Some(copy)
}

/// Returns an error's source. `Error::source` is foreign code, so one that panics counts as `None`.
fn source_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or_else(|panic| {
        discard(panic);
        None
    })
}

/// Prints the messages of an error and of its sources, with `: ` between them.
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
        {
            self.restart();
            if self.pairs.push_structure(self.text_limit, &value) {
                return Ok(());
            }
        }
        self.push_display(value);
        Ok(())
    }

    fn visit_null(&mut self) -> Visited {
        write::nil(self.restart());
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Visited {
        write::bool(self.restart(), value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Visited {
        write::int(self.restart(), value);
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Visited {
        write::uint(self.restart(), value);
        Ok(())
    }

    fn visit_i128(&mut self, value: i128) -> Visited {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.visit_i64(value),
            (_, Ok(value)) => self.visit_u64(value),
            _ => {
                self.push_display(value);
                Ok(())
            }
        }
    }

    fn visit_u128(&mut self, value: u128) -> Visited {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => {
                self.push_display(value);
                Ok(())
            }
        }
    }

    fn visit_f64(&mut self, value: f64) -> Visited {
        write::f64(self.restart(), value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Visited {
        self.restart();
        if value.len() > self.text_limit {
            self.push_display(value);
        } else if self.pairs.reserve_text(value.len()) {
            write::str(&mut self.pairs.bytes, value);
        }
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Visited {
        self.push_error(error);
        Ok(())
    }

    /// The default implementation calls `visit_any`, and the error would lose its sources.
    fn visit_borrowed_error(&mut self, error: &'v (dyn Error + 'static)) -> Visited {
        self.push_error(error);
        Ok(())
    }
}
