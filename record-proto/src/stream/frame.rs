use bytes::Bytes;

use crate::wire::{Payload, PayloadError};

/// The longest payload that a reader takes unless told otherwise: 64 KiB.
///
/// A pipe handler never writes more than `PIPE_BUF` (4 KiB on Linux). The rest is for simple writers in other
/// languages that do not cut records into fragments.
pub const DEFAULT_MAX_FRAME_LENGTH: usize = 64 * 1024;

/// One whole frame of a stream, not yet decoded.
///
/// It owns its payload; what is decoded borrows from it.
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
    /// A frame of this payload.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
        }
    }

    /// The payload: kind and fields, without the length.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What the payload says; see [`Payload::decode`].
    ///
    /// # Errors
    ///
    /// Where the payload is none of version 1. The frames behind it are not affected.
    pub fn decode(&self) -> Result<Payload<'_>, PayloadError> {
        Payload::decode(&self.payload)
    }
}
