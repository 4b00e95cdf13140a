//! `FrameReader`: the payloads of a stream, from its pipe and from the rings of its shared buffer.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use record_proto::CodecError;
use tokio::io::AsyncRead;

use super::coop_budget::CoopBudget;
use super::pipe_frames::PipeFrames;
use super::rings::Rings;
use crate::account::StreamEnd;

/// Reads payloads up to the end of the stream, and keeps how it ended.
///
/// This is the only place at which a pipe and the rings of a shared buffer meet. It works in turns. A turn reads the
/// pipe first, then looks at the rings, and hands out what the look found before what the read did. So a record that was
/// logged into a ring before something was written to the pipe comes first: if the read has what was written, the look
/// has the record. (A record that is logged into a ring after that write may come first too. The order is not corrected
/// by the times of the records, because clocks are set.)
///
/// The first turn after a sleep looks at the rings only. If it finds records, the next turn reads the pipe.
pub(crate) struct FrameReader<R> {
    pipe: PipeFrames<R>,
    /// Set by a reader that ends although another process may still write.
    ///
    /// Relaxed suffices. The one store is in a poll of the reader inside `pipe`, and the one load is in a method of
    /// this type: both need a reference to this value. Whatever moves the value to another thread orders the two.
    held_open: Arc<AtomicBool>,
    /// Tells a reader whose end depends on silence that the rings are not silent. Relaxed, as above.
    rings_are_busy: Arc<AtomicBool>,
    budget: CoopBudget,
    /// The shared buffer beside the pipe, if there is one.
    rings: Option<Box<Rings>>,
    /// Whether the program asked for that buffer.
    are_rings_asked_for: bool,
}

impl<R> FrameReader<R> {
    /// Returns the end of the stream, or open if it has not ended. `None` means that the last writer is gone and the
    /// accounts decide between clean and eof.
    pub(crate) fn end(&self) -> Option<StreamEnd> {
        if !self.has_ended() {
            return Some(StreamEnd::Open);
        }
        let by_bytes = self.pipe.end();
        let is_held_open = self.held_open.load(Ordering::Relaxed);
        by_bytes.or_else(|| is_held_open.then_some(StreamEnd::HeldOpen))
    }

    /// Returns whether the stream was read to its end without an error.
    pub(crate) fn has_ended_without_error(&self) -> bool {
        self.pipe.has_ended() && self.pipe.error().is_none()
    }

    /// Returns why rings of the shared buffer were given up, or that nobody used a buffer that was asked for.
    pub(crate) fn ring_reasons(&self) -> Vec<String> {
        let Some(rings) = &self.rings else {
            return Vec::new();
        };
        let mut reasons = rings.reasons();
        // A child that is refused the buffer cannot say so to anybody but itself.
        let is_unused = self.has_ended() && self.pipe.has_received() && !rings.was_used();
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
        self.pipe.has_ended() && self.have_rings_ended()
    }

    /// Returns the error of the frame format that ended the payloads, if there was one. An error of the reader is not
    /// returned; see [`take_read_error`](Self::take_read_error).
    pub(crate) fn codec_error(&self) -> Option<&CodecError> {
        self.pipe
            .error()
            .filter(|error| !matches!(error, CodecError::Io(_)))
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            pipe: PipeFrames::new(reader),
            held_open: Arc::default(),
            rings_are_busy: Arc::default(),
            budget: CoopBudget::default(),
            rings: None,
            are_rings_asked_for: false,
        }
    }

    /// Reads the rings of a shared buffer too.
    pub(crate) fn set_rings(&mut self, rings: Rings, are_asked_for: bool) {
        self.rings = Some(Box::new(rings));
        self.are_rings_asked_for = are_asked_for;
    }

    pub(crate) fn reader_mut(&mut self) -> &mut R {
        self.pipe.reader_mut()
    }

    pub(crate) fn set_max_frame_length(&mut self, bytes: usize) {
        self.pipe.set_max_frame_length(bytes);
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
        self.has_ring_payload() || self.pipe.has_payload()
    }

    /// Returns the next payload that has been read, if there is one. To be called when every payload that was taken is
    /// dispatched.
    #[inline(always)]
    pub(crate) fn next_payload(&mut self) -> Option<&[u8]> {
        match self.has_ring_payload() {
            true => self.rings.as_mut()?.next_payload(),
            false => self.pipe.next_payload(),
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
        self.pipe.next_frame()
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
        self.pipe.take_read_error()
    }

    /// Makes one turn: reads the pipe, and then looks at the rings, if there are any.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(rings) = &mut self.rings
            && rings.look_after_sleep()
        {
            // The records of a bell are dispatched before it is read.
            self.rings_are_busy.store(true, Ordering::Relaxed);
            return Poll::Ready(());
        }
        let has_ended = self.pipe.has_ended();
        let pipe = match has_ended {
            true => Poll::Ready(()),
            false => self.pipe.poll_read(cx),
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
        self.pipe.is_over()
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
