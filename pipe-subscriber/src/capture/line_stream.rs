//! `LineStream`: one stream of a child that is captured.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use log::Level;
use record_proto::{LogRecord, now};
use tokio::io::{AsyncRead, ReadBuf};

use super::assembler::Assembler;
use super::streams::Streams;
use crate::account::CapturedStream;
use crate::read::ChildPipe;

/// The number of bytes that are read at once. It is less than a pipe holds, so that a flood of lines takes turns with
/// the record pipe and the other stream.
const READ_SIZE: usize = 16 * 1024;

/// The read end of a child's stdout or stderr, and the records that are made of it.
#[derive(Debug)]
pub(crate) struct LineStream {
    pipe: ChildPipe,
    /// Set by the pipe. Relaxed, for the reason that `FrameReader::held_open` has.
    held_open: Arc<AtomicBool>,
    has_ended: bool,
    error: Option<io::Error>,
    records: Assembler,
}

impl LineStream {
    /// Creates the stream of this name. `streams` has the settings.
    pub(crate) fn new(
        name: &'static str,
        level: Level,
        streams: Streams,
        read_end: OwnedFd,
        grace: Duration,
    ) -> io::Result<Self> {
        let pipe = ChildPipe::of_default_size(read_end, grace)?;
        Ok(Self {
            held_open: pipe.held_open(),
            pipe,
            has_ended: false,
            error: None,
            records: Assembler::new(name, level, streams.recognises_levels, streams.joins_traces),
        })
    }

    /// From now on, the stream also ends a grace period after the exit of this child.
    pub(crate) fn watch_exit_of(&mut self, pid: Option<u32>) {
        self.pipe.watch_exit_of(pid);
    }

    /// As [`watch_exit_of`](Self::watch_exit_of), for a child that is known by a pidfd.
    pub(crate) fn watch_exit_of_pidfd(&mut self, pidfd: OwnedFd) {
        self.pipe.watch_exit_of_pidfd(pidfd);
    }

    /// Makes one read. Ready if there were bytes, or the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_ended {
            return Poll::Pending;
        }
        let mut bytes = [MaybeUninit::uninit(); READ_SIZE];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        let read = ready!(Pin::new(&mut self.pipe).poll_read(cx, &mut bytes));
        self.error = read.err();
        if self.error.is_some() || bytes.filled().is_empty() {
            self.has_ended = true;
            self.records.end(now());
        } else {
            self.records.fill(bytes.filled(), now());
        }
        Poll::Ready(())
    }

    /// Returns whether there is something to look at, as [`Assembler::has_more`] says.
    pub(super) fn has_more(&mut self, now: Instant) -> bool {
        self.records.has_more(now)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.records.due()
    }

    pub(super) fn next(&mut self, now: Instant) -> Option<LogRecord<'static>> {
        self.records.next(now)
    }

    pub(super) fn note_suppressed(&mut self) {
        self.records.figures.suppressed += 1;
    }

    pub(super) fn figures(&self) -> CapturedStream {
        CapturedStream {
            held_open: self.held_open.load(Ordering::Relaxed),
            ..self.records.figures.clone()
        }
    }

    /// Returns a text about the error that ended the stream, if one did.
    pub(super) fn failure(&self) -> Option<String> {
        let name = self.records.figures.name;
        let error = self.error.as_ref()?;
        Some(format!("reading {name} failed: {error}"))
    }
}
