//! `Batch`: several whole frames in one buffer.

use bytes::Bytes;

use super::frame::Frame;
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

    /// Returns the next frame, for a reader that keeps it; `None` after the last frame.
    ///
    /// The frame shares the memory of the whole batch, so that nothing is copied. A frame that is kept keeps all of it.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use record_proto::{Close, Encode, Payload, RecordCodec};
    /// use tokio_util::codec::Decoder;
    ///
    /// let mut stream = Vec::new();
    /// Close::new().encode_frame(&mut stream);
    ///
    /// let mut stream = BytesMut::from(&stream[..]);
    /// let mut batch = RecordCodec::new().batched().decode(&mut stream)?.expect("whole frames");
    /// let frame = batch.next_frame().expect("a frame");
    /// assert!(matches!(frame.decode(), Ok(Payload::Close(_))));
    /// assert_eq!(batch.next_frame(), None);
    /// # Ok::<(), record_proto::CodecError>(())
    /// ```
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame> {
        let length = self.next_payload()?.len();
        let payload = self.frames.slice(self.read - length..self.read);
        Some(Frame::new(payload))
    }

    /// Returns whether all frames were read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.read >= self.frames.len()
    }
}
