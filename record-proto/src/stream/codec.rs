//! `RecordCodec` and `BatchCodec`: finding, checking and writing the length of each frame, on tokio-util.

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::batch::Batch;
use super::frame::{DEFAULT_MAX_FRAME_LENGTH, Frame};
use crate::wire::{CodecError, Encode, HEAD_LENGTH};

/// A codec for frames on a byte stream, for tokio-util's `FramedRead` and `FramedWrite`.
///
/// Decoding yields a [`Frame`] for every payload, including payloads that cannot be decoded. It yields an `Err` only if
/// the next frame cannot be found: a length is above [`max_frame_length`](Self::max_frame_length), or the stream ends
/// inside a frame. An `Err` is the last item.
///
/// The bytes of a length stay in the buffer until the whole frame has arrived. A stream that ends directly after a
/// length is therefore [`CodecError::Truncated`].
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
    /// The position of the decoder's buffer in the stream, in bytes.
    offset: u64,
}

impl RecordCodec {
    /// Creates a codec whose [`max_frame_length`](Self::max_frame_length) is [`DEFAULT_MAX_FRAME_LENGTH`].
    pub fn new() -> Self {
        Self {
            max_frame_length: DEFAULT_MAX_FRAME_LENGTH,
            offset: 0,
        }
    }

    /// Sets the length of the longest allowed payload in bytes, for both directions.
    ///
    /// A longer payload is [`CodecError::FrameTooLong`].
    #[must_use]
    pub fn with_max_frame_length(mut self, bytes: usize) -> Self {
        self.max_frame_length = bytes;
        self
    }

    /// Returns the length of the longest allowed payload in bytes. The four bytes of the length itself are not counted.
    pub fn max_frame_length(&self) -> usize {
        self.max_frame_length
    }

    /// Turns this codec into one that decodes all available frames at once.
    ///
    /// This is for readers of many small frames; see [`BatchCodec`].
    pub fn batched(self) -> BatchCodec {
        BatchCodec(self)
    }

    /// Returns the size of the first frame in bytes, its length included. If the frame is not whole, reserves room for
    /// the rest of it.
    fn whole_frame(&self, src: &mut BytesMut) -> Result<Option<usize>, CodecError> {
        let Some(length) = length_at(src, 0) else {
            return Ok(None);
        };
        self.check_length(length)?;
        let whole = HEAD_LENGTH + length;
        if src.len() < whole {
            src.reserve(whole - src.len());
            return Ok(None);
        }
        Ok(Some(whole))
    }

    /// Fails if bytes are left at the end of the stream: they belong to a frame that never became whole.
    fn check_end<T>(&self, src: &BytesMut) -> Result<Option<T>, CodecError> {
        match src.len() {
            0 => Ok(None),
            have => Err(CodecError::Truncated {
                have,
                offset: self.offset,
            }),
        }
    }

    fn check_length(&self, length: usize) -> Result<(), CodecError> {
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

/// A codec that decodes all available whole frames at once, as one [`Batch`].
///
/// It is for a reader that takes many small frames from a fast stream and does not keep them: many frames share one
/// item and one buffer. Other readers use [`RecordCodec`], whose limits and errors are the same.
/// [`RecordCodec::batched`] creates a `BatchCodec`.
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
    /// Sets the length of the longest allowed payload, as [`RecordCodec::with_max_frame_length`] does.
    ///
    /// The position in the stream, which errors report, is kept.
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
            // No whole frame: this either finds the error or reserves room for the rest of the frame.
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

/// Returns the payload length of the frame at `start`, if the four bytes of that length are there.
#[inline]
fn length_at(src: &[u8], start: usize) -> Option<usize> {
    let head = src.get(start..)?.first_chunk::<HEAD_LENGTH>()?;
    Some(u32::from_be_bytes(*head) as usize)
}

/// Encodes any payload. If the payload is too long, returns an error and leaves `dst` unchanged.
impl<T: Encode> Encoder<&T> for RecordCodec {
    type Error = CodecError;

    fn encode(&mut self, payload: &T, dst: &mut BytesMut) -> Result<(), CodecError> {
        let start = dst.len();
        dst.put_u32(0);
        payload.encode(dst);
        let length = dst.len() - start - HEAD_LENGTH;
        let checked = self.check_length(length);
        if checked.is_err() {
            dst.truncate(start);
            return checked;
        }
        // The maximum may be set above the greatest length that four bytes can hold.
        let head = u32::try_from(length).expect("a payload of less than 4 GiB");
        dst[start..start + HEAD_LENGTH].copy_from_slice(&head.to_be_bytes());
        Ok(())
    }
}

/// Encodes a frame as it was received.
impl Encoder<Frame> for RecordCodec {
    type Error = CodecError;

    fn encode(&mut self, frame: Frame, dst: &mut BytesMut) -> Result<(), CodecError> {
        let payload = frame.payload();
        self.check_length(payload.len())?;
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
