//! `RecordReader`: the loop that takes payloads from `read` to `account`, and passes the records to a closure.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, ready},
};

use record_proto::RecordView;
use tokio::io::AsyncRead;

use super::error::ReadError;
use crate::account::{Receiver, Summary};
use crate::read::FrameReader;
use crate::sys::discard_panic;

/// The number of bytes that count as one more step: a payload of `n` bytes counts as `1 + n / 4096` steps, because
/// decoding and escaping so many bytes takes up to 20 us.
const BYTES_PER_STEP: usize = 4096;

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
            receiver: Receiver::new(),
        }
    }

    /// Hands on all records up to the end of the stream.
    pub(crate) fn poll_to_end(
        &mut self,
        cx: &mut Context<'_>,
        mut on_record: impl FnMut(&RecordView<'_>),
    ) -> Poll<()> {
        while ready!(self.frames.poll_payload(cx)) {
            let most = self.frames.take_steps();
            self.take_payloads(most, &mut on_record);
        }
        self.receiver.end(self.frames.has_ended_without_error());
        Poll::Ready(())
    }

    /// Takes payloads that have been read, until they make up `most` steps or there are no more. Calls `on_record` for
    /// each that is a record or completes one. Returns whether there was a payload.
    ///
    /// The last payload may exceed `most`. The excess is not carried over; the reader's budget reads the clock next, so
    /// that the time counts instead.
    #[inline]
    pub(crate) fn take_payloads(
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
                while taken < most {
                    let Some(payload) = self.frames.next_payload() else {
                        is_empty = true;
                        break;
                    };
                    // Counted first, because `on_record` may panic.
                    taken += 1;
                    let bytes = self.receiver.receive(payload, &mut on_record);
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use record_proto::{Encode, LogRecord};

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
        reader.take_payloads(7, |_| records += 1);
        assert_eq!(records, 3, "three steps each");
        reader.take_payloads(u32::MAX, |_| records += 1);
        assert_eq!(records, 6);
    }
}
