//! `CapturedStreams`: reads the captured streams beside the frames of the record pipe, and decides about their order.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
    time::Instant,
};

use record_proto::{Close, LogRecord};
use tokio::io::AsyncRead;

use super::line_stream::LineStream;
use crate::account::{NOT_ADOPTED, StreamEnd, Summary};
use crate::read::{FrameReader, PipeGauge};
use crate::sys::Alarm;

/// How many bytes of payloads go before the lines of a look at most, even if the record pipe has more.
const MAX_PASSED: usize = 64 * 1024;

/// The captured streams of one child.
///
/// A *look* is a read of each stream. Its lines wait until the payloads that were in the record pipe at that moment have
/// been taken: until the pipe is seen empty, or [`MAX_PASSED`] bytes have passed. They also wait for everything in the
/// rings of a shared buffer: a turn of the frames follows each look, and what it finds there goes first, whatever its
/// length. Only then comes the next look. So a record that was logged before a line was written goes before that line,
/// and neither side starves the other.
///
/// The lines stay bytes until they are taken one by one, so that a look takes no more memory than its bytes.
#[derive(Debug)]
pub(crate) struct CapturedStreams {
    streams: Vec<LineStream>,
    pipe: PipeGauge,
    /// The bytes of payloads that were taken since the look.
    passed: usize,
    /// Whether the lines of the look may be taken.
    is_released: bool,
    /// The time of the look.
    now: Instant,
    alarm: Alarm,
    pid: Option<u64>,
    /// A number that no other writer with this pid probably has; see [`LogRecord::instance`].
    instance: u32,
    /// The number of records so far.
    seq: u64,
    has_closed: bool,
}

impl CapturedStreams {
    /// Creates the capture of the streams of a child. `pipe` shows how full its record pipe is.
    pub(crate) fn new(streams: Vec<LineStream>, pipe: PipeGauge, pid: Option<u32>) -> Self {
        Self {
            streams,
            pipe,
            passed: 0,
            is_released: false,
            now: Instant::now(),
            alarm: Alarm::default(),
            pid: pid.map(u64::from),
            // The standard library's only source of random numbers.
            instance: RandomState::new().hash_one(0) as u32,
            seq: 0,
            has_closed: false,
        }
    }

    /// From now on, the streams also end a grace period after the exit of this child.
    pub(crate) fn watch_exit_of(&mut self, pid: Option<u32>) {
        for stream in &mut self.streams {
            stream.watch_exit_of(pid);
        }
    }

    /// As [`watch_exit_of`](Self::watch_exit_of), for a child that is known by a pidfd. If it fails, nothing is changed.
    pub(crate) fn watch_exit_of_pidfd(&mut self, pidfd: &OwnedFd) -> io::Result<()> {
        let copies: Vec<_> = self
            .streams
            .iter()
            .map(|_| pidfd.try_clone())
            .collect::<io::Result<_>>()?;
        for (stream, copy) in self.streams.iter_mut().zip(copies) {
            stream.watch_exit_of_pidfd(copy);
        }
        Ok(())
    }

    /// Reads frames and lines. Ready with `true` if there is a payload, or a [record](Self::next_record) probably, and
    /// with `false` if all have ended.
    pub(crate) fn poll_beside<R: AsyncRead + Unpin>(
        &mut self,
        frames: &mut FrameReader<R>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        loop {
            ready!(frames.poll_proceed(cx));
            if self.may_go(frames) || frames.has_payload() {
                return Poll::Ready(true);
            }
            let has_looked = !self.has_more() && self.poll_look(frames, cx).is_ready();
            let has_read = frames.poll_step(cx).is_ready();
            if has_looked || has_read || self.may_go(frames) {
                continue;
            }
            if frames.has_ended() && self.has_ended() {
                return Poll::Ready(false);
            }
            frames.reset_budget();
            return Poll::Pending;
        }
    }

    /// Notes that a payload of so many bytes was taken.
    pub(crate) fn note_payload(&mut self, bytes: usize) {
        self.passed = self.passed.saturating_add(bytes);
    }

    /// Returns the next record, if it may be taken now.
    pub(crate) fn next_record<R: AsyncRead + Unpin>(
        &mut self,
        frames: &mut FrameReader<R>,
    ) -> Option<LogRecord<'static>> {
        let must_wait =
            frames.has_payload() && (self.passed < MAX_PASSED || frames.has_ring_payload());
        match self.is_released && !must_wait {
            true => self.make_record(),
            false => None,
        }
    }

    fn make_record(&mut self) -> Option<LogRecord<'static>> {
        let now = self.now;
        let mut record = self
            .streams
            .iter_mut()
            .find_map(|stream| stream.next(now))?;
        self.seq += 1;
        record.seq = self.seq;
        record.pid = self.pid;
        record.instance = Some(self.instance);
        Some(record)
    }

    /// Notes that the rate limit suppressed a record.
    pub(crate) fn note_suppressed(&mut self, record: &LogRecord<'_>) {
        let is_of = |stream: &&mut LineStream| stream.figures().name == record.target;
        if let Some(stream) = self.streams.iter_mut().find(is_of) {
            stream.note_suppressed();
        }
    }

    /// Returns a close frame for the records of all streams, once, if they have ended. A reader of the stored frames
    /// then knows that none is missing.
    pub(crate) fn take_close(&mut self) -> Option<Close> {
        if self.has_closed || !self.has_ended() || self.seq == 0 {
            return None;
        }
        self.has_closed = true;
        let mut close = Close::new();
        close.pid = self.pid;
        close.instance = Some(self.instance);
        close.time = Some(record_proto::now());
        close.sent = self.seq;
        Some(close)
    }

    /// Adds the figures of the streams to a summary, which is open as long as one of them is.
    pub(crate) fn report(&self, summary: &mut Summary) {
        summary.captured = self.streams.iter().map(LineStream::figures).collect();
        if summary.captured.iter().any(|stream| stream.lines > 0) {
            // A child whose lines are captured need not know the pipe.
            summary.reasons.retain(|reason| reason != NOT_ADOPTED);
        }
        summary
            .reasons
            .extend(self.streams.iter().filter_map(LineStream::failure));
        if !self.streams.iter().all(LineStream::has_ended) {
            summary.end = StreamEnd::Open;
        }
    }

    fn has_ended(&mut self) -> bool {
        self.streams.iter().all(LineStream::has_ended) && !self.has_more()
    }

    fn has_more(&mut self) -> bool {
        let now = self.now;
        self.streams.iter_mut().any(|stream| stream.has_more(now))
    }

    /// Returns whether there are lines that may be taken before the next payload.
    fn may_go<R: AsyncRead + Unpin>(&mut self, frames: &mut FrameReader<R>) -> bool {
        if !self.has_more() {
            return false;
        }
        // What the rings had after the look goes first.
        let has_passed = self.passed >= MAX_PASSED && !frames.has_ring_payload();
        let has_payload = frames.has_payload();
        self.is_released = self.is_released
            || has_passed
            || !has_payload && (frames.has_pipe_ended() || self.pipe.is_empty());
        self.is_released && (has_passed || !has_payload)
    }

    /// Reads each stream once. Ready if there is anything new.
    fn poll_look<R: AsyncRead + Unpin>(
        &mut self,
        frames: &mut FrameReader<R>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.now = Instant::now();
        self.is_released = false;
        self.passed = 0;
        let mut found = Poll::Pending;
        for stream in &mut self.streams {
            frames.step();
            if stream.poll_fill(cx).is_ready() {
                found = Poll::Ready(());
            }
        }
        if found.is_ready() {
            return found;
        }
        let due = self.streams.iter().filter_map(LineStream::due).min();
        let Some(due) = due else {
            return Poll::Pending;
        };
        // Without any timer, nothing is waited for.
        let _refused = ready!(self.alarm.poll(cx, due));
        self.now = self.now.max(due);
        Poll::Ready(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
