//! `PipeFrames`: the payloads that come through a pipe, or from any other reader.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use record_proto::{Batch, BatchCodec, CodecError, RecordCodec};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::FramedRead;

use crate::account::StreamEnd;

/// The number of bytes that are read at once.
const READ_BUFFER: usize = 64 * 1024;

/// Reads payloads up to the end of a reader, and keeps how it ended.
///
/// All whole frames of a read are taken from the read buffer as one batch. Taking them one by one would cost a
/// reference count for each payload.
pub(super) struct PipeFrames<R> {
    frames: FramedRead<R, BatchCodec>,
    batch: Batch,
    has_received: bool,
    phase: Phase,
    /// The error after which no more payloads can be read, if there was one.
    error: Option<CodecError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// An impossible length was read, so the beginnings of further frames are unknown. All bytes are thrown away. If
    /// the pipe were closed instead, its writers could be killed by SIGPIPE.
    Draining,
    Ended,
}

impl<R> PipeFrames<R> {
    /// Returns how the reader ended, if that can be seen from its bytes.
    pub(super) fn end(&self) -> Option<StreamEnd> {
        match &self.error {
            Some(CodecError::FrameTooLong { .. }) => Some(StreamEnd::Corrupt),
            Some(CodecError::Truncated { .. }) => Some(StreamEnd::Truncated),
            Some(_) if !self.frames.read_buffer().is_empty() => Some(StreamEnd::Truncated),
            _ => None,
        }
    }

    /// Returns whether the reader is at its end, or has failed.
    pub(super) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Returns whether no payload comes any more: the reader has ended, or is only drained.
    #[cfg(feature = "capture")]
    pub(super) fn is_over(&self) -> bool {
        self.phase != Phase::Reading
    }

    /// Returns whether any payload came.
    pub(super) fn has_received(&self) -> bool {
        self.has_received
    }

    /// Returns the error after which no more payloads can be read, if there was one.
    pub(super) fn error(&self) -> Option<&CodecError> {
        self.error.as_ref()
    }

    /// Takes the error of the reader, if there was one.
    pub(super) fn take_read_error(&mut self) -> Option<io::Error> {
        match self.error.take() {
            Some(CodecError::Io(source)) => Some(source),
            other => {
                self.error = other;
                None
            }
        }
    }

    #[inline]
    pub(super) fn has_payload(&self) -> bool {
        !self.batch.is_empty()
    }

    #[inline]
    pub(super) fn next_payload(&mut self) -> Option<&[u8]> {
        self.batch.next_payload()
    }

    /// Returns the next payload as a frame that can be kept.
    #[cfg(feature = "frames")]
    #[inline]
    pub(super) fn next_frame(&mut self) -> Option<record_proto::Frame> {
        self.batch.next_frame()
    }
}

impl<R: AsyncRead + Unpin> PipeFrames<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            // The buffer is allocated by the first read.
            frames: FramedRead::with_capacity(reader, RecordCodec::new().batched(), 0),
            batch: Batch::default(),
            has_received: false,
            phase: Phase::Reading,
            error: None,
        }
    }

    pub(super) fn reader_mut(&mut self) -> &mut R {
        self.frames.get_mut()
    }

    pub(super) fn set_max_frame_length(&mut self, bytes: usize) {
        let codec = self.frames.decoder_mut();
        *codec = codec.clone().with_max_frame_length(bytes);
    }

    /// Makes one step: reads, and takes the batch of payloads that are whole, if any are. To be called if there is no
    /// payload, and not after the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Draining {
            return self.poll_drain(cx);
        }
        // The batch shares the read buffer's memory. Dropping it first lets `reserve` reuse that memory.
        self.batch = Batch::default();
        let buffer = self.frames.read_buffer_mut();
        buffer.reserve(READ_BUFFER.saturating_sub(buffer.len()));
        match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(batch)) => {
                self.has_received |= !batch.is_empty();
                self.batch = batch;
            }
            Some(Err(error)) => {
                self.phase = match error {
                    CodecError::FrameTooLong { .. } => Phase::Draining,
                    _ => Phase::Ended,
                };
                self.error = Some(error);
            }
            None => self.phase = Phase::Ended,
        }
        Poll::Ready(())
    }

    /// Makes one step of draining.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 8 * 1024];
        let mut scratch = ReadBuf::new(&mut scratch);
        let read = ready!(Pin::new(self.frames.get_mut()).poll_read(cx, &mut scratch));
        // A read error ends the draining too. It is not reported, because the bytes that it cost would have been thrown
        // away.
        if read.is_err() || scratch.filled().is_empty() {
            self.phase = Phase::Ended;
        }
        Poll::Ready(())
    }
}
