//! `Reason`: the ways in which a payload can be malformed.

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

/// The reason, the position and the part of an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DecodeError {
    pub(crate) reason: Reason,
    pub(crate) offset: usize,
    /// The part of the payload that was being read. The caller sets it.
    pub(crate) part: &'static str,
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(reason: Reason, offset: usize) -> Box<Self> {
        Box::new(Self {
            reason,
            offset,
            part: "",
        })
    }
}

/// The result of reading. The error is boxed so that the results of the hot path are two words.
pub(crate) type Result<T> = std::result::Result<T, Box<DecodeError>>;
