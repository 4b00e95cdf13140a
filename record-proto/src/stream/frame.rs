//! `Frame`: one payload as it was received.

use bytes::Bytes;

use crate::msgpack::PayloadError;
use crate::wire::Payload;

/// The length of the longest payload that a reader accepts by default: 64 KiB.
///
/// A pipe handler never writes a frame of more than `PIPE_BUF` bytes (4 KiB on Linux). The rest is for simple writers
/// in other languages that do not cut records into fragments.
pub const DEFAULT_MAX_FRAME_LENGTH: usize = 64 * 1024;

/// One whole frame of a stream, not yet decoded.
///
/// The frame owns its payload. A decoded payload borrows from the frame.
///
/// ```
/// use record_proto::{Frame, Payload};
///
/// let frame = Frame::new(vec![9, 0x90]);
/// assert_eq!(frame.decode(), Ok(Payload::Unknown(9)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    payload: Bytes,
}

impl Frame {
    /// Creates a frame with this payload.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
        }
    }

    /// Returns the payload: kind and fields, without the length.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Decodes the payload; see [`Payload::decode`].
    ///
    /// # Errors
    ///
    /// Returns an error if the payload is not one of version 1. The frames after it are not affected.
    pub fn decode(&self) -> Result<Payload<'_>, PayloadError> {
        Payload::decode(&self.payload)
    }
}
