use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use record_proto::{CodecError, Frame, RecordCodec};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::codec::FramedRead;

use crate::{ReadError, StreamEnd, Summary, inbox::Inbox, pace::Pace};

/// How much is read at once.
const READ_BUFFER: usize = 64 * 1024;

/// The frames of a reader up to its end, and how it ended.
#[derive(Debug)]
pub(crate) struct Intake<R> {
    frames: FramedRead<R, RecordCodec>,
    /// Set by a reader that ends although another process may still write.
    held_open: Arc<AtomicBool>,
    phase: Phase,
    /// What broke the stream, if anything did.
    broken: Option<CodecError>,
    pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    /// The stream is out of step. What comes is thrown away, so that its writers are not killed by their pipe.
    Draining,
    Ended,
}

impl<R: AsyncRead + Unpin> Intake<R> {
    pub(crate) fn new(reader: R, codec: RecordCodec, held_open: Arc<AtomicBool>) -> Self {
        Self {
            frames: FramedRead::with_capacity(reader, codec, READ_BUFFER),
            held_open,
            phase: Phase::Reading,
            broken: None,
            pace: Pace::default(),
        }
    }

    /// The next frame; `None` once the reader has ended, also where an error was its end.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        while self.phase != Phase::Ended {
            ready!(self.pace.poll_step(cx));
            let Poll::Ready(frame) = self.poll_reader(cx) else {
                self.pace.pause();
                return Poll::Pending;
            };
            if frame.is_some() {
                return Poll::Ready(frame);
            }
        }
        Poll::Ready(None)
    }

    /// What the inbox counted, with the end that this reader had.
    pub(crate) fn finish(&mut self, inbox: &mut Inbox) -> Result<Summary, ReadError> {
        let end = match &self.broken {
            Some(CodecError::FrameTooLong { .. }) => Some(StreamEnd::Corrupt),
            Some(CodecError::Truncated { .. }) => Some(StreamEnd::Truncated),
            Some(_) if !self.frames.read_buffer().is_empty() => Some(StreamEnd::Truncated),
            _ if self.held_open.load(Ordering::Relaxed) => Some(StreamEnd::HeldOpen),
            _ => None,
        };
        match self.broken.take() {
            Some(CodecError::Io(source)) => {
                let summary = Box::new(inbox.summary(end));
                return Err(ReadError { summary, source });
            }
            Some(broken) => inbox.reasons().note_first(broken),
            None => {}
        }
        Ok(inbox.summary(end))
    }

    /// One step: a frame, or `None` where there is none (yet).
    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if self.phase == Phase::Draining {
            return self.poll_drain(cx).map(|()| None);
        }
        match ready!(Pin::new(&mut self.frames).poll_next(cx)) {
            Some(Ok(frame)) => Poll::Ready(Some(frame)),
            Some(Err(error)) => {
                self.phase = match error {
                    CodecError::FrameTooLong { .. } => Phase::Draining,
                    _ => Phase::Ended,
                };
                self.broken = Some(error);
                Poll::Ready(None)
            }
            None => {
                self.phase = Phase::Ended;
                Poll::Ready(None)
            }
        }
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
