use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use record_proto::LogRecord;
use tokio::io::AsyncRead;

use super::error::ReadError;
use super::record_reader::RecordReader;
use crate::account::Summary;
use crate::read::ChildPipe;

/// The records of a child as a [`Stream`]; made by [`PipeSubscriber::records`](crate::PipeSubscriber::records).
///
/// It ends with the pipe. What came is then known to [`summary`](Self::summary); a read error ends it too and is kept
/// for [`error`](Self::error) and [`into_summary`](Self::into_summary).
///
/// # Cancel safety
///
/// A `next()` of this stream is cancel safe: dropped before it is ready, in a `select!` for example, it loses no record.
/// What was read and not handed out is in the stream, and lost with it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::PipeSubscriber;
/// use record_proto::{Encode, LogRecord};
/// use tokio_stream::StreamExt;
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Info, "worker", "hello").encode_frame(&mut stream);
///
/// let mut records = PipeSubscriber::new(&stream[..]).records();
/// while let Some(record) = records.next().await {
///     assert_eq!(record.message, "hello");
/// }
/// assert_eq!(records.into_summary()?.received, 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Records<R = ChildPipe> {
    reader: RecordReader<R>,
    ended: Option<Result<Summary, ReadError>>,
}

impl<R: AsyncRead + Unpin> Records<R> {
    pub(crate) fn new(reader: RecordReader<R>) -> Self {
        Self {
            reader,
            ended: None,
        }
    }

    /// What came over the stream; `None` until it has ended.
    pub fn summary(&self) -> Option<&Summary> {
        match self.ended.as_ref()? {
            Ok(summary) => Some(summary),
            Err(error) => Some(&error.summary),
        }
    }

    /// The read error that ended the stream, if one did.
    pub fn error(&self) -> Option<&io::Error> {
        self.ended
            .as_ref()?
            .as_ref()
            .err()
            .map(|error| &error.source)
    }

    /// What came over the stream. Where it has not ended, the figures so far, with an end of
    /// [open](crate::StreamEnd::Open); what was read and not handed out is lost then.
    ///
    /// # Errors
    ///
    /// The read error that ended the stream, if one did.
    pub fn into_summary(mut self) -> Result<Summary, ReadError> {
        match self.ended {
            Some(ended) => ended,
            None => self.reader.finish(),
        }
    }
}

impl<R: AsyncRead + Unpin> Stream for Records<R> {
    type Item = LogRecord<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while this.ended.is_none() {
            if !ready!(this.reader.frames.poll_payload(cx)) {
                this.ended = Some(this.reader.finish());
                break;
            }
            let mut detached = None;
            this.reader
                .take(|record| detached = Some(record.clone().into_owned()));
            if detached.is_some() {
                return Poll::Ready(detached);
            }
        }
        Poll::Ready(None)
    }
}
