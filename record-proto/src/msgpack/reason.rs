//! `PayloadError` and `Reason`: how a payload is malformed.

use std::fmt;

use thiserror::Error;

/// The reason why a payload is malformed.
///
/// ```
/// use record_proto::{Payload, Reason};
///
/// let empty = Payload::decode(&[]).unwrap_err();
/// assert_eq!(empty.reason(), Reason::Empty);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The payload has no bytes.
    #[error("empty payload; the least is a kind and an array")]
    Empty,
    /// The first byte is not a positive fixint.
    #[error("the kind must be a MessagePack positive fixint (0 to 127)")]
    Kind,
    /// The payload ends inside an object.
    #[error("the payload ends inside an object")]
    UnexpectedEnd,
    /// Bytes follow the last object.
    #[error("{0} bytes after the fields; a payload is a kind and one array")]
    TrailingBytes(usize),
    /// An object has the wrong type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// The type that the wire format requires.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A number is outside its range.
    #[error("the number is outside {0}")]
    Range(&'static str),
    /// A text is not UTF-8.
    #[error("text that is not UTF-8; send such bytes as bin")]
    NotUtf8,
    /// Lists and maps nest deeper than the format allows.
    #[error("values nested deeper than 8")]
    TooDeep,
    /// The marker 0xc1, which MessagePack never uses.
    #[error("a marker that MessagePack never uses")]
    ReservedMarker,
    /// An array of fields is shorter than its kind allows.
    #[error("{found} fields, but at least {least} are needed")]
    TooFewFields {
        /// How many fields there are.
        found: usize,
        /// How many fields the kind needs.
        least: usize,
    },
    /// An object has more values than are kept. The decoding functions do not return this: they
    /// [replace](crate::Payload::decode_with_limit) the values beyond the limit.
    // Hidden because it never reaches a user.
    #[doc(hidden)]
    #[error("more values than are kept of a record")]
    TooManyValues,
    /// Joined fragments hold another kind than a record.
    #[error("joined fragments hold kind {0}; only records are cut into fragments")]
    NotARecord(u8),
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The error of one payload that does not follow the wire format.
///
/// Only this payload is lost: the frames after it are read as before. The text never quotes the payload's content, so
/// that it can be printed as it is.
///
/// ```
/// use record_proto::{Payload, Reason};
///
/// let error = Payload::decode(&[1, 0x91, 7]).unwrap_err();
/// assert_eq!(error.reason(), Reason::TooFewFields { found: 1, least: 5 });
/// assert_eq!(error.to_string(), "record at byte 1: 1 fields, but at least 5 are needed");
/// ```
///
/// `Debug` prints the same text as `Display`, so that `main` may return this error.
#[derive(Clone, Copy, PartialEq, Error)]
#[error("{part} at byte {offset}: {reason}")]
pub struct PayloadError {
    part: &'static str,
    offset: usize,
    reason: Reason,
}

impl PayloadError {
    /// Creates an error of a part that the caller sets with [`in_part`](Self::in_part).
    #[cold]
    pub(crate) fn new(reason: Reason, offset: usize) -> Self {
        Self {
            part: "payload",
            offset,
            reason,
        }
    }

    #[cold]
    pub(crate) fn in_part(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    /// Returns the part of the payload that was being read, as the wire format names it: `record level`, `close sent`.
    pub fn part(&self) -> &'static str {
        self.part
    }

    /// Returns the position of the error in the payload, in bytes. The length in front of the payload is not counted.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the reason for the error.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Debug for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The result of reading.
pub(crate) type Result<T> = std::result::Result<T, PayloadError>;
