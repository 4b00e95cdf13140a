use std::{fmt, io};

use thiserror::Error;

use crate::msgpack::Reason;

/// Why one payload is no payload of this protocol.
///
/// It costs that one payload and nothing else: the frames behind it are read as before. The text never quotes what
/// stood in the payload, so that it can be printed as it is.
///
/// ```
/// use record_proto::{Payload, Reason};
///
/// let error = Payload::decode(&[1, 0x91, 7]).unwrap_err();
/// assert_eq!(error.reason(), Reason::TooFewFields { found: 1, least: 5 });
/// assert_eq!(error.to_string(), "record at byte 1: 1 fields, but at least 5 are needed");
/// ```
///
/// Its `Debug` is the same text as its `Display`, so that `main` may return it.
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

    /// The part of the payload that was being read, as the wire format names it: `record level`, `close sent`.
    pub fn part(&self) -> &'static str {
        self.part
    }

    /// Bytes of the payload before the place; the length in front of the payload is not counted.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong there.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

/// For `?` where decoding keeps its results small.
impl From<Box<PayloadError>> for PayloadError {
    #[cold]
    fn from(error: Box<PayloadError>) -> Self {
        *error
    }
}

/// Why a stream of frames cannot go on.
///
/// A payload that cannot be decoded is *not* among these: it is an item of the stream, a [`Frame`](crate::Frame)
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
/// Its `Debug` is its text and that of its sources, so that `main` may return it.
#[derive(Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A length above the maximum: the stream is out of step or hostile, and where the next frame starts is unknown.
    /// When encoding: the payload is longer than the codec allows, and nothing was written.
    #[error("frame of {length} bytes at byte {offset} of the stream; at most {max} are allowed")]
    FrameTooLong {
        /// The payload's length in bytes.
        length: usize,
        /// The codec's [`max_frame_length`](crate::RecordCodec::max_frame_length).
        max: usize,
        /// Bytes of the stream before this frame's length.
        offset: u64,
    },
    /// The stream ended inside a frame; a length with nothing behind it counts too.
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

/// An error's text and those of its sources: what `main` prints of an error that it returns is its `Debug`.
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
