use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::batch::Batch;
use super::frame::{DEFAULT_MAX_FRAME_LENGTH, Frame};
use crate::wire::{CodecError, Encode, HEAD_LENGTH};

/// Frames on a byte stream, for tokio-util's `FramedRead` and `FramedWrite`.
///
/// Decoding yields a [`Frame`] for every payload, those that cannot be decoded included. Only what makes it impossible
/// to find the next frame is an `Err`, and it is the last item: a length above
/// [`max_frame_length`](Self::max_frame_length), or a stream that ends inside a frame.
///
/// A frame's length stays in the buffer until the frame is whole, so that a stream cut right behind it is seen as cut.
///
/// ```
/// use bytes::BytesMut;
/// use log::Level;
/// use record_proto::{LogRecord, Payload, RecordCodec};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = RecordCodec::new();
/// let mut stream = BytesMut::new();
/// codec.encode(&LogRecord::new(Level::Info, "app", "hello"), &mut stream)?;
///
/// let frame = codec.decode(&mut stream)?.expect("a whole frame");
/// assert!(matches!(frame.decode(), Ok(Payload::Record(record)) if record.message == "hello"));
/// # Ok::<(), record_proto::CodecError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordCodec {
    max_frame_length: usize,
    /// Bytes of the stream in front of the decoder's buffer.
    offset: u64,
}

impl RecordCodec {
    /// A codec with a [`max_frame_length`](Self::max_frame_length) of [`DEFAULT_MAX_FRAME_LENGTH`].
    pub fn new() -> Self {
        Self {
            max_frame_length: DEFAULT_MAX_FRAME_LENGTH,
            offset: 0,
        }
    }

    /// Sets the longest payload in bytes, for both directions. A longer one is [`CodecError::FrameTooLong`].
    #[must_use]
    pub fn with_max_frame_length(mut self, bytes: usize) -> Self {
        self.max_frame_length = bytes;
        self
    }

    /// The longest payload in bytes; the length's own four are not counted.
    pub fn max_frame_length(&self) -> usize {
        self.max_frame_length
    }

    /// The same codec, for decoding as many frames at once as are there.
    pub fn batched(self) -> BatchCodec {
        BatchCodec(self)
    }

    /// The bytes of the first frame, its length included; where it is not whole, room is made for it.
    fn whole_frame(&self, src: &mut BytesMut) -> Result<Option<usize>, CodecError> {
        let Some(length) = length_at(src, 0) else {
            return Ok(None);
        };
        self.check(length)?;
        let whole = HEAD_LENGTH + length;
        if src.len() < whole {
            src.reserve(whole - src.len());
            return Ok(None);
        }
        Ok(Some(whole))
    }

    /// Nothing may be left at the end of a stream.
    fn check_end<T>(&self, src: &BytesMut) -> Result<Option<T>, CodecError> {
        match src.len() {
            0 => Ok(None),
            have => Err(CodecError::Truncated {
                have,
                offset: self.offset,
            }),
        }
    }

    fn check(&self, length: usize) -> Result<(), CodecError> {
        if length > self.max_frame_length {
            return Err(CodecError::FrameTooLong {
                length,
                max: self.max_frame_length,
                offset: self.offset,
            });
        }
        Ok(())
    }
}

impl Decoder for RecordCodec {
    type Item = Frame;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        match self.whole_frame(src)? {
            Some(whole) => {
                src.advance(HEAD_LENGTH);
                let payload = src.split_to(whole - HEAD_LENGTH).freeze();
                self.offset += whole as u64;
                Ok(Some(Frame::new(payload)))
            }
            None => Ok(None),
        }
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Frame>, CodecError> {
        match self.decode(src)? {
            None => self.check_end(src),
            frame => Ok(frame),
        }
    }
}

/// As [`RecordCodec`], but decoding yields all whole frames that are there as one [`Batch`]: for a reader that takes
/// many small frames off a fast stream, and does not keep them.
///
/// ```
/// use bytes::BytesMut;
/// use record_proto::{Close, Encode, RecordCodec};
/// use tokio_util::codec::Decoder;
///
/// let mut stream = Vec::new();
/// Close::new().encode_frame(&mut stream);
/// Close::new().encode_frame(&mut stream);
/// stream.extend([0, 0]); // the beginning of a third frame
///
/// let mut stream = BytesMut::from(&stream[..]);
/// let mut batch = RecordCodec::new().batched().decode(&mut stream)?.expect("whole frames");
/// let mut payloads = 0;
/// while let Some(payload) = batch.next_payload() {
///     assert_eq!(payload.len(), 6);
///     payloads += 1;
/// }
/// assert_eq!((payloads, stream.len()), (2, 2));
/// # Ok::<(), record_proto::CodecError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchCodec(RecordCodec);

impl BatchCodec {
    /// As [`RecordCodec::with_max_frame_length`]; the place in the stream stays known.
    #[must_use]
    pub fn with_max_frame_length(self, bytes: usize) -> Self {
        Self(self.0.with_max_frame_length(bytes))
    }
}

impl Decoder for BatchCodec {
    type Item = Batch;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Batch>, CodecError> {
        let mut end = 0;
        while let Some(length) = length_at(src, end)
            && length <= self.0.max_frame_length
            && length <= src.len() - end - HEAD_LENGTH
        {
            end += HEAD_LENGTH + length;
        }
        if end == 0 {
            // Not even one: this says why.
            return self.0.whole_frame(src).map(|_| None);
        }
        self.0.offset += end as u64;
        Ok(Some(Batch::new(src.split_to(end).freeze())))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Batch>, CodecError> {
        match self.decode(src)? {
            None => self.0.check_end(src),
            batch => Ok(batch),
        }
    }
}

/// What the head of the frame at `start` says, if the head is whole.
#[inline]
fn length_at(src: &[u8], start: usize) -> Option<usize> {
    let head = src.get(start..)?.first_chunk::<HEAD_LENGTH>()?;
    Some(u32::from_be_bytes(*head) as usize)
}

/// Any payload; one that is too long is an error, and then `dst` is as it was.
impl<T: Encode> Encoder<&T> for RecordCodec {
    type Error = CodecError;

    fn encode(&mut self, payload: &T, dst: &mut BytesMut) -> Result<(), CodecError> {
        let start = dst.len();
        dst.put_u32(0);
        payload.encode(dst);
        let length = dst.len() - start - HEAD_LENGTH;
        let checked = self.check(length);
        if checked.is_err() {
            dst.truncate(start);
            return checked;
        }
        // The maximum may be set above what the length can say.
        let head = u32::try_from(length).expect("a payload of less than 4 GiB");
        dst[start..start + HEAD_LENGTH].copy_from_slice(&head.to_be_bytes());
        Ok(())
    }
}

/// A frame as it was received.
impl Encoder<Frame> for RecordCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), CodecError> {
        let payload = frame.payload();
        self.check(payload.len())?;
        dst.reserve(HEAD_LENGTH + payload.len());
        let head = u32::try_from(payload.len()).expect("a payload of less than 4 GiB");
        dst.put_u32(head);
        dst.put_slice(payload);
        Ok(())
    }
}

impl Default for RecordCodec {
    fn default() -> Self {
        Self::new()
    }
}
