use bytes::Bytes;

use crate::wire::HEAD_LENGTH;

/// Whole frames of a stream, one behind the other as they were received, read from the first to the last.
///
/// It owns them all together; what is decoded from a payload borrows from it.
///
/// Made by a [`BatchCodec`](crate::BatchCodec), where there is an example.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    frames: Bytes,
    read: usize,
}

impl Batch {
    /// Of whole frames only; what is behind the last one is never read.
    pub(crate) fn new(frames: Bytes) -> Self {
        Self { frames, read: 0 }
    }

    /// The payload of the next frame.
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

    /// Whether all frames were read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.read >= self.frames.len()
    }
}
