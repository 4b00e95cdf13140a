//! `ValueWriter`: writes one value of a log call straight into a frame.

use std::{
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use log::kv::{self, VisitValue};

use super::error_info::MAX_SOURCES;
use super::pair_buffers::{FirstError, PairBuffers};
#[cfg(feature = "kv_serde")]
use super::serde_capture::{self, Captured};
#[cfg(feature = "kv_serde")]
use crate::msgpack::MsgpackWrite;
use crate::msgpack::{Cursor, write};
use crate::text::{discard, format, truncate_text};

/// Writes the value of one pair.
///
/// Each method replaces the value that an earlier call has written: a structure may fail after a part of it was
/// written, and its text is then written instead.
#[derive(Debug)]
pub struct ValueWriter<'w, 'b> {
    pub(super) key: &'w str,
    pub(super) out: &'w mut Cursor<'b>,
    pub(super) buffers: &'w mut PairBuffers,
    /// The longest text, in bytes.
    pub(super) text_limit: usize,
    /// How many more values there may be.
    #[cfg(feature = "kv_serde")]
    pub(super) values_left: &'w mut usize,
    /// The position of the value.
    pub(super) start: usize,
}

impl<'b> ValueWriter<'_, 'b> {
    /// Returns the destination, at the position of the value.
    #[inline(always)]
    fn out(&mut self) -> &mut Cursor<'b> {
        self.out.go_back(self.start);
        self.out
    }

    /// Writes the text that a value prints, cut at the limit.
    pub fn display(&mut self, value: impl fmt::Display) {
        let length = format(&mut self.buffers.text, self.text_limit, value);
        self.text(length);
    }

    /// Writes the text in the buffer. `length` is its length before it was cut.
    fn text(&mut self, length: usize) {
        self.out();
        if length > self.buffers.text.len() {
            truncate_text(&mut self.buffers.text, self.text_limit, length);
        }
        write::str(self.out, &self.buffers.text);
    }

    /// Writes a value in the form in which serde serialises it. Returns `false` if it has to become text: it is too
    /// long, has too many values, or the format has no form for it.
    #[cfg(feature = "kv_serde")]
    fn structure(&mut self, value: &kv::Value<'_>) -> bool {
        self.out();
        let PairBuffers {
            text, structure, ..
        } = &mut *self.buffers;
        match serde_capture::capture(structure, text, value, self.text_limit, self.values_left) {
            Captured::Structure => self.out.append(structure),
            Captured::Text(length) => self.text(length),
            Captured::Nothing => return false,
        }
        true
    }

    /// Writes bytes. More than the limit of texts become a text that says how many there are.
    pub fn bytes(&mut self, value: &[u8]) {
        match value.len() > self.text_limit {
            true => self.display(format_args!("… (cut, {} bytes)", value.len())),
            false => write::bin(self.out(), value),
        }
    }

    /// Writes an error as one text: its message and those of its sources, with `: ` between them.
    pub fn error_text(&mut self, error: &(dyn Error + 'static)) {
        self.display(Chain(error));
    }

    /// Writes an error.
    ///
    /// The first one of a record is also kept with its sources, at most 64. Further ones become one text: their
    /// messages and those of their sources, with `: ` between them.
    pub fn error(&mut self, error: &(dyn Error + 'static)) {
        if self.buffers.error.is_some() {
            return self.error_text(error);
        }
        self.display(error);
        let limit = self.text_limit;
        let buffers = &mut *self.buffers;
        let (Some(key), Some(message)) = (try_copy(self.key), try_copy(&buffers.text)) else {
            return;
        };
        let mut sources: Vec<String> = Vec::new();
        let mut next = source_of(error);
        while let Some(error) = next
            && sources.len() < MAX_SOURCES
        {
            let length = format(&mut buffers.text, limit, error);
            truncate_text(&mut buffers.text, limit, length);
            if sources.try_reserve(1).is_err() {
                break;
            }
            let Some(text) = try_copy(&buffers.text) else {
                break;
            };
            sources.push(text);
            next = source_of(error);
        }
        // The list is a copy of them, with heads of up to five bytes.
        let length: usize = sources.iter().map(|source| source.len() + 5).sum();
        if Vec::<u8>::new().try_reserve_exact(2 * length).is_err() {
            sources.clear();
        }
        buffers.error = Some(FirstError {
            key,
            message,
            sources: sources.into_iter().collect(),
        });
    }
}

type Visited = Result<(), kv::Error>;

impl<'v> VisitValue<'v> for ValueWriter<'_, '_> {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Visited {
        #[cfg(feature = "kv_serde")]
        if self.structure(&value) {
            return Ok(());
        }
        self.display(value);
        Ok(())
    }

    fn visit_null(&mut self) -> Visited {
        write::nil(self.out());
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Visited {
        write::bool(self.out(), value);
        Ok(())
    }

    #[inline]
    fn visit_i64(&mut self, value: i64) -> Visited {
        write::int(self.out(), value);
        Ok(())
    }

    #[inline]
    fn visit_u64(&mut self, value: u64) -> Visited {
        write::uint(self.out(), value);
        Ok(())
    }

    fn visit_i128(&mut self, value: i128) -> Visited {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.visit_i64(value),
            (_, Ok(value)) => self.visit_u64(value),
            _ => {
                self.display(value);
                Ok(())
            }
        }
    }

    fn visit_u128(&mut self, value: u128) -> Visited {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => {
                self.display(value);
                Ok(())
            }
        }
    }

    fn visit_f64(&mut self, value: f64) -> Visited {
        write::f64(self.out(), value);
        Ok(())
    }

    #[inline]
    fn visit_str(&mut self, value: &str) -> Visited {
        match value.len() > self.text_limit {
            true => self.display(value),
            false => write::str(self.out(), value),
        }
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn Error + 'static)) -> Visited {
        self.error(error);
        Ok(())
    }

    // The default implementation passes a borrowed error to `visit_any`, which would lose its sources.
    fn visit_borrowed_error(&mut self, error: &'v (dyn Error + 'static)) -> Visited {
        self.error(error);
        Ok(())
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
