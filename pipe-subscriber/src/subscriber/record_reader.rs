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
use crate::sys::discard;

/// A stream that is being read: what its frames reads goes into its receiver.
///
/// It can be left and taken up again between any two polls: what was read and not handed on is still here.
pub(crate) struct RecordReader<R> {
    pub(crate) frames: FrameReader<R>,
    pub(crate) receiver: Receiver,
}

impl<R> RecordReader<R> {
    /// The figures so far.
    pub(crate) fn summary(&self) -> Summary {
        self.receiver
            .summary(self.frames.end(), self.frames.broken())
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
            self.take(&mut on_record);
        }
        self.receiver.end(self.frames.has_ended_well());
        Poll::Ready(())
    }

    /// Takes in the next payload, where there is one, and shows the record that it holds or makes whole. Gives back
    /// whether there was one.
    #[inline]
    pub(crate) fn take(&mut self, on_record: impl FnOnce(&mut LogRecord<'_>)) -> bool {
        let Some(payload) = self.frames.payload() else {
            return false;
        };
        let mut panicked = None;
        self.receiver.take(payload, |record| {
            panicked = catch_unwind(AssertUnwindSafe(|| on_record(record))).err();
        });
        if let Some(panic) = panicked {
            discard(panic);
            self.receiver.logger_panicked();
        }
        true
    }

    /// The figures at the end, be it before that of the stream.
    pub(crate) fn finish(&mut self) -> Result<Summary, ReadError> {
        self.receiver.end(self.frames.has_ended_well());
        let summary = self.summary();
        match self.frames.take_error() {
            Some(source) => Err(ReadError {
                summary: Box::new(summary),
                source,
            }),
            None => Ok(summary),
        }
    }
}

/// Without the bytes that a child sent.
impl<R> fmt::Debug for RecordReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordReader")
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}
