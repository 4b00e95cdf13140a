//! The loop of the crate: takes payloads from `read`, gives them to `account`, and shows the records to a closure.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, ready},
};

use record_proto::LogRecord;
use tokio::io::AsyncRead;

use super::error::ReadError;
use crate::account::{Receiver, Summary};
use crate::read::FrameReader;
use crate::sys::discard_panic;

/// A stream that is being read: the payloads of `frames` go into `receiver`.
///
/// Reading can stop and go on between any two polls: payloads that were read and not handed on stay in `frames`.
pub(crate) struct RecordReader<R> {
    pub(crate) frames: FrameReader<R>,
    pub(crate) receiver: Receiver,
}

impl<R> RecordReader<R> {
    /// Returns the figures so far.
    pub(crate) fn summary(&self) -> Summary {
        self.receiver
            .summary(self.frames.end(), self.frames.codec_error())
    }
}

impl<R: AsyncRead + Unpin> RecordReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            frames: FrameReader::new(reader),
            receiver: Receiver::default(),
        }
    }

    /// Hands on all records up to the end of the stream.
    pub(crate) fn poll_to_end(
        &mut self,
        cx: &mut Context<'_>,
        mut on_record: impl FnMut(&mut LogRecord<'_>),
    ) -> Poll<()> {
        while ready!(self.frames.poll_payload(cx)) {
            self.take_payload(&mut on_record);
        }
        self.receiver.end(self.frames.has_ended_without_error());
        Poll::Ready(())
    }

    /// Takes the next payload, if there is one, and calls `on_record` if the payload is a record or completes one.
    /// Returns whether there was a payload.
    #[inline]
    pub(crate) fn take_payload(&mut self, on_record: impl FnOnce(&mut LogRecord<'_>)) -> bool {
        let Some(payload) = self.frames.next_payload() else {
            return false;
        };
        let mut panicked = None;
        self.receiver.receive(payload, |record| {
            // `on_record` runs the program's code. A panic is caught right here, so that it does not unwind through the
            // receiver, which would be left half done.
            panicked = catch_unwind(AssertUnwindSafe(|| on_record(record))).err();
        });
        if let Some(panic) = panicked {
            discard_panic(panic);
            self.receiver.logger_panicked();
        }
        true
    }

    /// Ends reading, even if the stream has not ended, and returns the figures or the read error.
    pub(crate) fn finish(&mut self) -> Result<Summary, ReadError> {
        self.receiver.end(self.frames.has_ended_without_error());
        let summary = self.summary();
        match self.frames.take_read_error() {
            Some(source) => Err(ReadError {
                summary: Box::new(summary),
                source,
            }),
            None => Ok(summary),
        }
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
