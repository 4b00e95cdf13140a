//! `Batch`: several whole frames in one buffer.

use bytes::Bytes;

use crate::wire::HEAD_LENGTH;

/// Whole frames of a stream in one buffer, in the order in which they were received.
///
/// The batch owns the frames and lends their payloads, from the first to the last. A decoded payload borrows from the
/// batch.
///
/// A [`BatchCodec`](crate::BatchCodec) makes batches; see there for an example. This batch has nothing to do with the
/// batch of a record, which is a [`BatchInfo`](crate::BatchInfo).
#[derive(Debug, Clone, Default)]
pub struct Batch {
    frames: Bytes,
    read: usize,
}

impl Batch {
    /// Creates a batch of whole frames. Bytes after the last whole frame are never read.
    pub(crate) fn new(frames: Bytes) -> Self {
        Self { frames, read: 0 }
    }

    /// Returns the payload of the next frame, without its length; `None` after the last frame.
    #[inline]
    pub fn next_payload(&mut self) -> Option<&[u8]> {
        let (head, rest) = self
            .frames
            .get(self.read..)?
            .split_first_chunk::<HEAD_LENGTH>()?;
        let length = u32::from_be_bytes(*head) as usize;
        let payload = rest.get(..length)?;
        self.read += HEAD_LENGTH + length;
        Some(payload)
    }

    /// Returns whether all frames were read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.read >= self.frames.len()
    }
}
