//! `RecordReader`: the loop that takes payloads from `read` to `account`, and passes the records to a closure.

use std::{
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, ready},
};

#[cfg(feature = "capture")]
use record_proto::LogRecord;
use record_proto::RecordView;
use tokio::io::AsyncRead;

use super::drop_warnings::DropWarnings;
use super::error::ReadError;
use super::live_summary::LiveSummary;
use super::own_runtime::OwnRuntime;
use super::rate_limit::RateLimit;
use crate::account::{Receiver, Summary};
#[cfg(feature = "capture")]
use crate::capture::CapturedStreams;
use crate::read::FrameReader;
use crate::sys::discard_panic;

mod limited;
mod reports;
#[cfg(feature = "frames")]
mod take_frame;

/// The number of bytes that count as one more step: a payload of `n` bytes counts as `1 + n / 4096` steps, because
/// decoding and escaping so many bytes takes up to 20 us.
const BYTES_PER_STEP: usize = 4096;

/// A stream that is being read: the payloads of `frames` go into `receiver`, and so do the captured lines.
///
/// Reading can stop and go on between any two polls: payloads that were read and not handed on stay in `frames`, and
/// lines in `capture`.
pub(crate) struct RecordReader<R> {
    pub(crate) frames: FrameReader<R>,
    pub(crate) receiver: Receiver,
    limit: Option<Box<RateLimit>>,
    drops: DropWarnings,
    warns_of_drops: bool,
    live: Option<LiveSummary>,
    /// How many bursts of payloads have ended since the figures were written down.
    unpublished_bursts: usize,
    #[cfg(feature = "capture")]
    capture: Option<Box<CapturedStreams>>,
}

impl<R> RecordReader<R> {
    /// Returns the figures so far.
    pub(crate) fn summary(&self) -> Summary {
        let mut summary = self.figures();
        self.receiver
            .complete(&mut summary, self.frames.codec_error());
        summary.reasons.extend(self.frames.ring_reasons());
        #[cfg(feature = "capture")]
        let summary = self.with_captured(summary);
        summary
    }

    #[cfg(feature = "capture")]
    fn with_captured(&self, mut summary: Summary) -> Summary {
        if let Some(capture) = &self.capture {
            capture.report(&mut summary);
        }
        summary
    }

    /// Returns the numbers so far, without those of the captured streams and without the lists.
    fn figures(&self) -> Summary {
        let mut figures = self.receiver.figures(self.frames.end());
        if let Some(limit) = &self.limit {
            figures.suppressed_by_level = limit.suppressed();
            figures.suppressed = figures.suppressed_by_level.total();
        }
        figures
    }
}

impl<R: AsyncRead + Unpin> RecordReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            frames: FrameReader::new(reader),
            receiver: Receiver::new(),
            limit: None,
            drops: DropWarnings::default(),
            warns_of_drops: false,
            live: None,
            unpublished_bursts: 0,
            #[cfg(feature = "capture")]
            capture: None,
        }
    }

    pub(crate) fn set_rate_limit(&mut self, limit: RateLimit) {
        self.limit = Some(Box::new(limit));
    }

    #[cfg(feature = "capture")]
    pub(crate) fn set_capture(&mut self, capture: CapturedStreams) {
        self.capture = Some(Box::new(capture));
    }

    #[cfg(feature = "capture")]
    pub(crate) fn capture_mut(&mut self) -> Option<&mut CapturedStreams> {
        self.capture.as_deref_mut()
    }

    /// Hands on all records up to the end of the stream.
    pub(crate) fn poll_to_end(
        &mut self,
        cx: &mut Context<'_>,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> Poll<()> {
        while ready!(self.poll_input(cx)) {
            let most = self.frames.take_steps();
            self.take_inputs(most, &mut on_record);
        }
        self.end();
        Poll::Ready(())
    }

    /// As [`poll_to_end`](Self::poll_to_end), but reads within `runtime` and calls `on_record` outside of it: a logger
    /// that blocks on a runtime of its own would panic within this one.
    pub(crate) fn read_outside_of(
        &mut self,
        runtime: &OwnRuntime,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> Result<Summary, ReadError> {
        while runtime.block_on(poll_fn(|cx| self.poll_input(cx))) == Some(true) {
            loop {
                let most = self.frames.take_steps();
                if !self.take_inputs(most, &mut on_record) {
                    break;
                }
                if self.frames.end_burst() {
                    self.publish_figures();
                }
            }
        }
        self.finish()
    }

    /// Ready with `true` if there probably is an input to [take](Self::take_inputs), and with `false` if all streams
    /// have ended, with or without an error.
    ///
    /// An input is a payload, a captured line, or a report of this crate's own.
    #[inline]
    pub(crate) fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let streams = self.poll_streams(cx);
        let poll = self.poll_reports(streams, cx);
        if poll != Poll::Ready(true) {
            self.publish_figures();
        }
        poll
    }

    #[inline]
    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture {
            return capture.poll_beside(&mut self.frames, cx);
        }
        self.frames.poll_payload(cx)
    }

    /// Takes inputs that have been read, until they make up `most` steps or there are no more. Calls `on_record` for
    /// each that is a record or completes one: at most once for each input. Returns whether there was an input.
    ///
    /// The last input may exceed `most`. The excess is not carried over; the reader's budget reads the clock next, so
    /// that the time counts instead.
    #[inline]
    pub(crate) fn take_inputs(
        &mut self,
        most: u32,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> bool {
        let mut taken = 0;
        let mut is_empty = false;
        while taken < most && !is_empty {
            // The closure runs the program's code. Nothing of ours is left half done by its panic: the record has been
            // counted, and it is dropped after this call.
            let run = catch_unwind(AssertUnwindSafe(|| {
                self.hand_on_warning(&mut on_record);
                while taken < most {
                    // Counted first, because `on_record` may panic.
                    taken += 1;
                    let Some(bytes) = self.take_input(&mut on_record) else {
                        taken -= 1;
                        is_empty = true;
                        break;
                    };
                    taken = taken.saturating_add((bytes / BYTES_PER_STEP) as u32);
                }
            }));
            if let Err(panic) = run {
                discard_panic(panic);
                self.receiver.logger_panicked();
            }
        }
        taken > 0
    }

    /// Takes an input, and returns how many bytes of it were worked on, or `None` if there was none.
    #[inline(always)]
    fn take_input(&mut self, on_record: &mut impl FnMut(&RecordView<'_>)) -> Option<usize> {
        if self.limit.is_some() {
            return self.take_limited(on_record);
        }
        #[cfg(feature = "capture")]
        if let Some(record) = self.next_captured() {
            return Some(self.receiver.receive_captured(&record, on_record));
        }
        let payload = self.frames.next_payload()?;
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture {
            capture.note_payload(payload.len());
        }
        Some(self.receiver.receive(payload, on_record))
    }

    /// Returns the next captured record, if it goes before the next payload.
    #[cfg(feature = "capture")]
    fn next_captured(&mut self) -> Option<LogRecord<'static>> {
        self.capture.as_mut()?.next_record(&mut self.frames)
    }

    /// Ends reading, even if the stream has not ended, and returns the figures or the read error.
    pub(crate) fn finish(&mut self) -> Result<Summary, ReadError> {
        self.end();
        let summary = self.summary();
        if let Some(live) = &self.live {
            live.set(summary.clone());
        }
        match self.frames.take_read_error() {
            Some(source) => Err(ReadError {
                summary: Box::new(summary),
                source,
            }),
            None => Ok(summary),
        }
    }
}

impl<R> RecordReader<R> {
    /// Ends receiving; may be called more than once.
    fn end(&mut self) {
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture
            && let Some(close) = capture.take_close()
        {
            self.receiver.store(&close);
        }
        self.receiver.end(self.frames.has_ended_without_error());
    }
}

/// Shows the figures only, never the bytes that a child sent.
impl<R> fmt::Debug for RecordReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader")
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io, pin::Pin, task::Waker};

    use record_proto::{Dropped, Encode, Levels, LogRecord};
    use tokio::io::ReadBuf;

    use super::*;

    #[tokio::test]
    async fn long_payloads_are_several_steps() {
        let mut stream = Vec::new();
        let text = "x".repeat(2 * BYTES_PER_STEP);
        for _ in 0..6 {
            LogRecord::new(log::Level::Info, "app", &text).encode_frame(&mut stream);
        }
        let mut reader = RecordReader::new(&stream[..]);
        assert!(poll_fn(|cx| reader.frames.poll_payload(cx)).await);

        let mut records = 0;
        reader.take_inputs(7, |_| records += 1);
        assert_eq!(records, 3, "three steps each");
        reader.take_inputs(u32::MAX, |_| records += 1);
        assert_eq!(records, 6);
    }

    /// The bytes of a stream, one frame at a time, with a wait after each.
    struct Slow(Vec<Vec<u8>>, bool);

    impl AsyncRead for Slow {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(frame) = self.0.pop() {
                buffer.put_slice(&frame);
            }
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn drops_are_shown_without_a_runtime_too() {
        let dropped = |count| {
            let mut dropped = Dropped::new();
            dropped.counts = Levels([0, count, 0, 0, 0]);
            let mut frame = Vec::new();
            dropped.encode_frame(&mut frame);
            frame
        };
        let mut reader = RecordReader::new(Slow(vec![dropped(3), dropped(2), dropped(1)], false));
        reader.set_warns_of_drops(true);
        let mut shown = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while reader
            .poll_to_end(&mut cx, |record| shown.push(record.message.to_string()))
            .is_pending()
        {}
        let what = "dropped by the child, which found no room for them";
        assert_eq!(
            shown,
            [format!("1 record {what}"), format!("5 records {what}")]
        );
    }
}
