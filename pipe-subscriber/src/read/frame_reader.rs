use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use record_proto::{Batch, BatchCodec, CodecError, RecordCodec};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::FramedRead;

use super::coop_budget::CoopBudget;
use crate::account::StreamEnd;

/// How much is read at once.
const READ_BUFFER: usize = 64 * 1024;

/// The payloads of a reader up to its end, and how it ended.
///
/// They are taken off the stream as many at a time as were read, so that one by one they cost no reference count.
pub(crate) struct FrameReader<R> {
    frames: FramedRead<R, BatchCodec>,
    batch: Batch,
    /// Set by a reader that ends although another process may still write.
    held_open: Arc<AtomicBool>,
    phase: Phase,
    /// What broke the stream, if anything did.
    broken: Option<CodecError>,
    budget: CoopBudget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    RecordReader,
    /// The stream is out of step. What comes is thrown away, so that its writers are not killed by their pipe.
    Draining,
    Ended,
}

impl<R> FrameReader<R> {
    /// How the stream ended, if it did, where that is more than the accounts can tell.
    pub(crate) fn end(&self) -> Option<StreamEnd> {
        if self.phase != Phase::Ended {
            return Some(StreamEnd::Open);
        }
        match &self.broken {
            Some(CodecError::FrameTooLong { .. }) => Some(StreamEnd::Corrupt),
            Some(CodecError::Truncated { .. }) => Some(StreamEnd::Truncated),
            Some(_) if !self.frames.read_buffer().is_empty() => Some(StreamEnd::Truncated),
            _ if self.held_open.load(Ordering::Relaxed) => Some(StreamEnd::HeldOpen),
            _ => None,
        }
    }

    /// Whether the reader has come to its end without an error.
    pub(crate) fn has_ended_well(&self) -> bool {
        self.phase == Phase::Ended && self.broken.is_none()
    }

    /// What put the stream out of step, if anything did; an error of the reader is not among it.
    pub(crate) fn broken(&self) -> Option<&CodecError> {
        self.broken
            .as_ref()
            .filter(|broken| !matches!(broken, CodecError::Io(_)))
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            // Its buffer is made at the first read.
            frames: FramedRead::with_capacity(reader, RecordCodec::new().batched(), 0),
            batch: Batch::default(),
            held_open: Arc::default(),
            phase: Phase::RecordReader,
            broken: None,
            budget: CoopBudget::default(),
        }
    }

    pub(crate) fn set_max_frame_length(&mut self, bytes: usize) {
        let codec = self.frames.decoder_mut();
        *codec = codec.clone().with_max_frame_length(bytes);
    }

    pub(crate) fn set_held_open(&mut self, held_open: Arc<AtomicBool>) {
        self.held_open = held_open;
    }

    /// Whether there is a next [payload](Self::payload); `false` once the reader has ended, also where an error was
    /// its end.
    #[inline]
    pub(crate) fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            ready!(self.budget.poll_turn(cx));
            if !self.batch.is_empty() {
                return Poll::Ready(true);
            }
            if self.phase == Phase::Ended {
                return Poll::Ready(false);
            }
            self.budget.step();
            if self.poll_reader(cx).is_pending() {
                self.budget.pause();
                return Poll::Pending;
            }
        }
    }

    /// The next payload, where [`poll_payload`](Self::poll_payload) has said that there is one.
    #[inline]
    pub(crate) fn payload(&mut self) -> Option<&[u8]> {
        self.budget.step();
        self.batch.next_payload()
    }

    /// The error of the reader that ended the stream, if one did.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        match self.broken.take() {
            Some(CodecError::Io(source)) => Some(source),
            broken => {
                self.broken = broken;
                None
            }
        }
    }

    /// One step: a batch, or none (yet).
    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Draining {
            return self.poll_drain(cx);
        }
        // Gives its bytes back to the buffer, whose room is then for the next read again.
        self.batch = Batch::default();
        let buffer = self.frames.read_buffer_mut();
        buffer.reserve(READ_BUFFER.saturating_sub(buffer.len()));
        match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(batch)) => self.batch = batch,
            Some(Err(error)) => {
                self.phase = match error {
                    CodecError::FrameTooLong { .. } => Phase::Draining,
                    _ => Phase::Ended,
                };
                self.broken = Some(error);
            }
            None => self.phase = Phase::Ended,
        }
        Poll::Ready(())
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 8 * 1024];
        let mut scratch = ReadBuf::new(&mut scratch);
        let read = ready!(Pin::new(self.frames.get_mut()).poll_read(cx, &mut scratch));
        // An error behind an impossible length adds nothing: what would have come is not wanted.
        if read.is_err() || scratch.filled().is_empty() {
            self.phase = Phase::Ended;
        }
        Poll::Ready(())
    }
}
