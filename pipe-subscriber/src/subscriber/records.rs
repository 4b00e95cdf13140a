//! The records of a child as a `Stream`.

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

/// A [`Stream`] of a child's records. [`PipeSubscriber::records`](crate::PipeSubscriber::records) returns it.
///
/// It ends when the pipe ends or reading fails. After that, [`summary`](Self::summary) returns the figures, and
/// [`error`](Self::error) and [`into_summary`](Self::into_summary) return the read error, if there was one.
///
/// # Cancel safety
///
/// `next()` of this stream is cancel safe: if it is dropped before it is ready, for example in a `select!`, no record
/// is lost. Records that were read and not yet returned are inside the stream, and are lost if the stream is dropped.
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

    /// Returns the figures of the stream, or `None` if it has not ended.
    pub fn summary(&self) -> Option<&Summary> {
        match self.ended.as_ref()? {
            Ok(summary) => Some(summary),
            Err(error) => Some(&error.summary),
        }
    }

    /// Returns the read error that ended the stream, if one did.
    pub fn error(&self) -> Option<&io::Error> {
        self.ended
            .as_ref()?
            .as_ref()
            .err()
            .map(|error| &error.source)
    }

    /// Returns the figures of the stream.
    ///
    /// If the stream has not ended, these are the figures so far, and their end is [open](crate::StreamEnd::Open).
    /// Records that were read and not yet returned are lost in that case.
    ///
    /// # Errors
    ///
    /// Returns the read error that ended the stream, if one did.
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
            if !ready!(this.reader.poll_input(cx)) {
                this.ended = Some(this.reader.finish());
                break;
            }
            let mut owned = None;
            this.reader.frames.step();
            this.reader
                .take_inputs(1, |record| owned = Some(record.to_record().into_owned()));
            if owned.is_some() {
                return Poll::Ready(owned);
            }
        }
        Poll::Ready(None)
    }
}
