//! `CodecError`: the error that ends a whole stream.

use std::{fmt, io};

use thiserror::Error;

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

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_sources(self, f)
    }
}
