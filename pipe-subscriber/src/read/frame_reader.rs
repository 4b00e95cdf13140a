//! The payloads of a stream, from any reader.

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
use super::rings::Rings;
use crate::account::StreamEnd;

/// The number of bytes that are read at once.
const READ_BUFFER: usize = 64 * 1024;

/// Reads payloads up to the end of the stream, and keeps how it ended.
///
/// This is the only place at which a pipe and the rings of a shared buffer meet. It works in turns. A turn reads the
/// pipe first, then looks at the rings, and hands out what the look found before what the read did. So a record that was
/// logged into a ring before something was written to the pipe comes first: if the read has what was written, the look
/// has the record. (A record that is logged into a ring after that write may come first too. The order is not corrected
/// by the times of the records, because clocks are set.)
///
/// All whole frames of a read are taken from the read buffer as one batch. Taking them one by one would cost a
/// reference count for each payload.
pub(crate) struct FrameReader<R> {
    frames: FramedRead<R, BatchCodec>,
    batch: Batch,
    has_pipe_frames: bool,
    /// Set by a reader that ends although another process may still write.
    ///
    /// Relaxed suffices. The one store is in a poll of the reader inside `frames`, and the one load is in a method of
    /// this type: both need a reference to this value. Whatever moves the value to another thread orders the two.
    held_open: Arc<AtomicBool>,
    /// Tells a reader whose end depends on silence that the rings are not silent. Relaxed, as above.
    rings_are_busy: Arc<AtomicBool>,
    phase: Phase,
    /// The error after which no more payloads can be read, if there was one.
    error: Option<CodecError>,
    budget: CoopBudget,
    /// The shared buffer beside the pipe, if there is one.
    rings: Option<Box<Rings>>,
    /// Whether the program asked for that buffer.
    are_rings_asked_for: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// An impossible length was read, so the beginnings of further frames are unknown. All bytes are thrown away. If
    /// the pipe were closed instead, its writers could be killed by SIGPIPE.
    Draining,
    Ended,
}

impl<R> FrameReader<R> {
    /// Returns the end of the stream, or open if it has not ended. `None` means that the last writer is gone and the
    /// accounts decide between clean and eof.
    pub(crate) fn end(&self) -> Option<StreamEnd> {
        if !self.has_ended() {
            return Some(StreamEnd::Open);
        }
        match &self.error {
            Some(CodecError::FrameTooLong { .. }) => Some(StreamEnd::Corrupt),
            Some(CodecError::Truncated { .. }) => Some(StreamEnd::Truncated),
            Some(_) if !self.frames.read_buffer().is_empty() => Some(StreamEnd::Truncated),
            _ if self.held_open.load(Ordering::Relaxed) => Some(StreamEnd::HeldOpen),
            _ => None,
        }
    }

    /// Returns whether the stream was read to its end without an error.
    pub(crate) fn has_ended_without_error(&self) -> bool {
        self.phase == Phase::Ended && self.error.is_none()
    }

    /// Returns why rings of the shared buffer were given up, or that nobody used a buffer that was asked for.
    pub(crate) fn ring_reasons(&self) -> Vec<String> {
        let Some(rings) = &self.rings else {
            return Vec::new();
        };
        let mut reasons = rings.reasons();
        // A child that is refused the buffer cannot say so to anybody but itself.
        let is_unused = self.has_ended() && self.has_pipe_frames && !rings.was_used();
        if is_unused && self.are_rings_asked_for {
            reasons.push(
                "the shared buffer was not used: all records came through the pipe".to_owned(),
            );
        }
        reasons
    }

    /// Returns whether nothing can come out of the shared buffer any more.
    fn have_rings_ended(&self) -> bool {
        self.rings.as_ref().is_none_or(|rings| rings.has_ended())
    }

    /// Returns whether the stream has ended, and nothing comes out of the shared buffer any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended && self.have_rings_ended()
    }

    /// Returns the error of the frame format that ended the payloads, if there was one. An error of the reader is not
    /// returned; see [`take_read_error`](Self::take_read_error).
    pub(crate) fn codec_error(&self) -> Option<&CodecError> {
        self.error
            .as_ref()
            .filter(|error| !matches!(error, CodecError::Io(_)))
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            // The buffer is allocated by the first read.
            frames: FramedRead::with_capacity(reader, RecordCodec::new().batched(), 0),
            batch: Batch::default(),
            has_pipe_frames: false,
            held_open: Arc::default(),
            rings_are_busy: Arc::default(),
            phase: Phase::Reading,
            error: None,
            budget: CoopBudget::default(),
            rings: None,
            are_rings_asked_for: false,
        }
    }

    /// Reads the rings of a shared buffer too.
    #[cfg(feature = "shared-buffer")]
    pub(crate) fn set_rings(&mut self, rings: Rings, are_asked_for: bool) {
        self.rings = Some(Box::new(rings));
        self.are_rings_asked_for = are_asked_for;
    }

    pub(crate) fn reader_mut(&mut self) -> &mut R {
        self.frames.get_mut()
    }

    pub(crate) fn set_max_frame_length(&mut self, bytes: usize) {
        let codec = self.frames.decoder_mut();
        *codec = codec.clone().with_max_frame_length(bytes);
    }

    pub(crate) fn set_held_open(&mut self, held_open: Arc<AtomicBool>) {
        self.held_open = held_open;
    }

    pub(crate) fn set_rings_are_busy(&mut self, rings_are_busy: Arc<AtomicBool>) {
        self.rings_are_busy = rings_are_busy;
    }

    /// Ready with `true` if there is a [next payload](Self::next_payload), and with `false` if the stream has ended,
    /// with or without an error.
    #[inline]
    pub(crate) fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            ready!(self.poll_proceed(cx));
            if self.has_payload() {
                return Poll::Ready(true);
            }
            if self.has_ended() {
                return Poll::Ready(false);
            }
            self.budget.step();
            if self.poll_turn(cx).is_pending() {
                self.budget.reset();
                return Poll::Pending;
            }
        }
    }

    /// Ready if there is budget for another step. To be called when every payload that was taken is dispatched.
    #[inline]
    pub(crate) fn poll_proceed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.budget.poll_proceed(cx);
        if poll.is_pending() {
            self.publish();
        }
        poll
    }

    /// Returns whether there is a [next payload](Self::next_payload). To be called when every payload that was taken is
    /// dispatched.
    #[inline]
    pub(crate) fn has_payload(&mut self) -> bool {
        self.has_ring_payload() || !self.batch.is_empty()
    }

    /// Returns the next payload that has been read, if there is one. To be called when every payload that was taken is
    /// dispatched.
    #[inline(always)]
    pub(crate) fn next_payload(&mut self) -> Option<&[u8]> {
        match self.has_ring_payload() {
            true => self.rings.as_mut()?.next_payload(),
            false => self.batch.next_payload(),
        }
    }

    /// Returns the next payload that has been read as a frame that can be kept, if there is one.
    #[cfg(feature = "frames")]
    #[inline]
    pub(crate) fn next_frame(&mut self) -> Option<record_proto::Frame> {
        if self.has_ring_payload() {
            let payload = self.rings.as_mut()?.next_payload()?;
            return Some(record_proto::Frame::new(payload.to_vec()));
        }
        self.batch.next_frame()
    }

    /// Returns whether the next payload is one of the rings.
    #[inline(always)]
    pub(crate) fn has_ring_payload(&mut self) -> bool {
        self.rings.as_mut().is_some_and(|rings| rings.has_payload())
    }

    /// Tells the writers of the rings which payloads are dispatched.
    fn publish(&mut self) {
        if let Some(rings) = &mut self.rings {
            rings.publish();
        }
    }

    /// Counts a payload.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.budget.step();
    }

    /// Counts and returns the payloads that may be taken before [`poll_payload`](Self::poll_payload) is asked again.
    #[inline]
    pub(crate) fn take_steps(&mut self) -> u32 {
        self.budget.take_steps()
    }

    /// Ends a burst of payloads, all of which are dispatched, if it took its time. For a reader that does not yield.
    /// Returns whether it did.
    #[inline]
    pub(crate) fn end_burst(&mut self) -> bool {
        let is_over = self.budget.is_over();
        if is_over {
            self.publish();
        }
        is_over
    }

    /// Takes the error of the reader that ended the stream, if one did.
    pub(crate) fn take_read_error(&mut self) -> Option<io::Error> {
        match self.error.take() {
            Some(CodecError::Io(source)) => Some(source),
            other => {
                self.error = other;
                None
            }
        }
    }

    /// Makes one turn: reads the pipe, and then looks at the rings, if there are any.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let has_ended = self.phase == Phase::Ended;
        let pipe = match has_ended {
            true => Poll::Ready(()),
            false => self.poll_reader(cx),
        };
        let Some(rings) = &mut self.rings else {
            return pipe;
        };
        if has_ended {
            // Whoever still maps the buffer has no pipe to wake this reader with.
            rings.close();
        }
        if pipe.is_ready() {
            // What the rings have by now comes before what the pipe had.
            rings.look();
        }
        let poll = match pipe.is_ready() || rings.has_payload() {
            true => Poll::Ready(()),
            false => rings.poll_look(cx),
        };
        let are_busy = rings.are_busy();
        self.rings_are_busy.store(are_busy, Ordering::Relaxed);
        poll
    }

    /// Makes one step: reads, and takes the batch of payloads that are whole, if any are.
    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Draining {
            return self.poll_drain(cx);
        }
        // The batch shares the read buffer's memory. Dropping it first lets `reserve` reuse that memory.
        self.batch = Batch::default();
        let buffer = self.frames.read_buffer_mut();
        buffer.reserve(READ_BUFFER.saturating_sub(buffer.len()));
        match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(batch)) => {
                self.has_pipe_frames |= !batch.is_empty();
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

/// For a caller that reads other streams in the same task, and counts their reads against the same budget.
#[cfg(feature = "capture")]
impl<R> FrameReader<R> {
    /// Renews the budget. To be called if the task is about to wait.
    pub(crate) fn reset_budget(&mut self) {
        self.budget.reset();
    }

    /// Returns whether no payload comes through the pipe any more: it has ended, or is only drained.
    pub(crate) fn has_pipe_ended(&self) -> bool {
        self.phase != Phase::Reading
    }
}

#[cfg(feature = "capture")]
impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Makes one turn: reads the pipe, and then looks at the rings. Pending if there is nothing to read, or if the stream
    /// has ended. To be called if there is no payload.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_ended() {
            return Poll::Pending;
        }
        self.budget.step();
        self.poll_turn(cx)
    }
}
