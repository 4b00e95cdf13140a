//! The errors of one payload (`PayloadError`) and of a whole stream (`CodecError`).

use std::{fmt, io};

use thiserror::Error;

use crate::msgpack::{DecodeError, Reason};

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
    pub(crate) fn new(part: &'static str, offset: usize, reason: Reason) -> Self {
        Self {
            part,
            offset,
            reason,
        }
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

/// Lets `?` unbox the errors of the decoding functions, which are boxed to keep the results small.
impl From<Box<DecodeError>> for PayloadError {
    #[cold]
    fn from(error: Box<DecodeError>) -> Self {
        Self::new(error.part, error.offset, error.reason)
    }
}

/// The error that ends a stream of frames.
///
/// A payload that cannot be decoded is *not* such an error: it is an item of the stream, a [`Frame`](crate::Frame)
/// whose [`decode`](crate::Frame::decode) fails.
///
#[cfg_attr(feature = "codec", doc = "```")]
#[cfg_attr(not(feature = "codec"), doc = "```ignore")]
/// use record_proto::{CodecError, RecordCodec};
/// use tokio_util::codec::Decoder;
///
/// let error = RecordCodec::new().decode(&mut [0xff; 8][..].into()).unwrap_err();
/// assert!(matches!(error, CodecError::FrameTooLong { length: 0xffff_ffff, .. }));
/// ```
///
/// `Debug` prints the text of the error and those of its sources, so that `main` may return this error.
#[derive(Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A length is above the maximum.
    ///
    /// When decoding: the stream is out of step or hostile, and the start of the next frame is unknown. When encoding:
    /// the payload is longer than the codec allows, and nothing was written.
    #[error("frame of {length} bytes at byte {offset} of the stream; at most {max} are allowed")]
    FrameTooLong {
        /// The payload's length in bytes.
        length: usize,
        /// The codec's [`max_frame_length`](crate::RecordCodec::max_frame_length).
        max: usize,
        /// Bytes of the stream before this frame's length.
        offset: u64,
    },
    /// The stream ended inside a frame, or directly after a length.
    #[error("the stream ended inside the frame at byte {offset}: {have} bytes of it arrived")]
    Truncated {
        /// How many bytes of the frame arrived, its length's four bytes included.
        have: usize,
        /// Bytes of the stream before this frame's length.
        offset: u64,
    },
    /// Reading or writing failed.
    #[error("reading or writing the stream failed")]
    Io(#[from] io::Error),
}

/// Writes the text of an error and those of its sources. The crates' errors use it for `Debug`, because `main` prints
/// the `Debug` of an error that it returns.
// Hidden because it is for the sibling crates only; it may change.
#[doc(hidden)]
pub fn fmt_with_sources(
    error: &(dyn std::error::Error + 'static),
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{error}")?;
    let mut next = error.source();
    while let Some(source) = next {
        write!(f, ": {source}")?;
        next = source.source();
    }
    Ok(())
}

impl fmt::Debug for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_sources(self, f)
    }
}
