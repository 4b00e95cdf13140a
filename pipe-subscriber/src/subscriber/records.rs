//! The records of a child as a `Stream`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use record_proto::LogRecord;
use tokio::io::AsyncRead;

use super::error::ReadError;
use super::reader_stream::ReaderStream;
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
    stream: ReaderStream<R>,
}

impl<R: AsyncRead + Unpin> Records<R> {
    pub(crate) fn new(reader: RecordReader<R>) -> Self {
        Self {
            stream: ReaderStream::new(reader),
        }
    }

    /// Returns the figures of the stream, or `None` if it has not ended.
    pub fn summary(&self) -> Option<&Summary> {
        self.stream.summary()
    }

    /// Returns the read error that ended the stream, if one did.
    pub fn error(&self) -> Option<&io::Error> {
        self.stream.error()
    }

    /// Returns the figures of the stream.
    ///
    /// If the stream has not ended, these are the figures so far, and their end is [open](crate::StreamEnd::Open).
    /// Records that were read and not yet returned are lost in that case.
    ///
    /// # Errors
    ///
    /// Returns the read error that ended the stream, if one did.
    pub fn into_summary(self) -> Result<Summary, ReadError> {
        self.stream.into_summary()
    }
}

impl<R: AsyncRead + Unpin> Stream for Records<R> {
    type Item = LogRecord<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let take = |reader: &mut RecordReader<R>| {
            let mut owned = None;
            reader.take_inputs(1, |record| owned = Some(record.to_record().into_owned()));
            owned
        };
        self.get_mut().stream.poll_next_with(cx, take, |_| None)
    }
}
