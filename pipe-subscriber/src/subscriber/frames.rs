//! The whole frames of a child as a `Stream`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::io::AsyncRead;

use super::error::ReadError;
use super::pipe_subscriber::PipeSubscriber;
use super::reader_stream::ReaderStream;
use super::record_reader::RecordReader;
use crate::account::{Summary, WholeFrame};
use crate::read::ChildPipe;

/// A [`Stream`] of a child's whole frames. [`PipeSubscriber::frames`] returns it.
///
/// It ends when the pipe ends or reading fails, as [`Records`](crate::Records) does, and has the same figures.
///
/// # Cancel safety
///
/// `next()` of this stream is cancel safe: if it is dropped before it is ready, for example in a `select!`, no frame is
/// lost. Frames that were read and not yet returned are inside the stream, and are lost if the stream is dropped.
///
/// # Examples
///
/// A relay: it passes frames on and does not look inside.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{FrameKind, PipeSubscriber};
/// use record_proto::{Close, Encode, LogRecord, RecordCodec};
/// use tokio_stream::StreamExt;
/// use tokio_util::{bytes::BytesMut, codec::Encoder};
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Info, "worker", "hello").encode_frame(&mut stream);
/// Close::new().encode_frame(&mut stream);
///
/// let mut frames = PipeSubscriber::new(&stream[..]).frames();
/// let (mut codec, mut relayed) = (RecordCodec::new(), BytesMut::new());
/// let mut kinds = Vec::new();
/// while let Some(whole) = frames.next().await {
///     kinds.push(whole.kind);
///     codec.encode(whole.frame, &mut relayed)?;
/// }
/// assert_eq!(kinds, [FrameKind::Record { level: log::Level::Info, seq: 0 }, FrameKind::Close]);
/// assert_eq!(relayed, stream);
/// assert_eq!(frames.into_summary()?.received, 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Frames<R = ChildPipe> {
    stream: ReaderStream<R>,
}

impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Returns the whole frames as a [`Stream`], for a program that passes them on: over a network, into a file, to
    /// another process. Each payload is decoded once, to check and to count it, and is not copied. The
    /// [summary](Frames::into_summary) is that of any other way to read.
    ///
    /// - The fragments of a record are joined to one frame. It has at most as many bytes as the
    ///   [`record_limit`](Self::record_limit) says, 384 KiB by default. That is more than
    ///   [`DEFAULT_MAX_FRAME_LENGTH`](record_proto::DEFAULT_MAX_FRAME_LENGTH): give the codec that reads or writes it
    ///   a higher [maximum](record_proto::RecordCodec::with_max_frame_length).
    /// - Hello, dropped and close frames are among the frames, and so are frames of kinds that this version does not
    ///   know. Bells are not. Payloads that cannot be decoded are not either; they are counted as
    ///   [malformed](Summary::malformed).
    /// - The bytes are those that the child wrote: label, attached key-values and escaping have no effect, and
    ///   [`value_limit`](Self::value_limit) cuts nothing.
    /// - Lines that are [captured](crate::Spawn::capture), the close frame of these lines, and the reports of a
    ///   [rate limit](crate::Spawn::rate_limit) become frames too. Records that the limit suppresses do not.
    /// - Counts of dropped records in a shared buffer become dropped frames.
    /// - A [`tee`](Self::tee) gets what it gets otherwise: frames as they were received, in fragments.
    pub fn frames(mut self) -> Frames<R> {
        self.reader.set_warns_of_drops(false);
        Frames {
            stream: ReaderStream::new(self.reader),
        }
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
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
    /// Frames that were read and not yet returned are lost in that case.
    ///
    /// # Errors
    ///
    /// Returns the read error that ended the stream, if one did.
    pub fn into_summary(self) -> Result<Summary, ReadError> {
        self.stream.into_summary()
    }
}

impl<R: AsyncRead + Unpin> Stream for Frames<R> {
    type Item = WholeFrame;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WholeFrame>> {
        let stream = &mut self.get_mut().stream;
        stream.poll_next_with(cx, RecordReader::take_frame, RecordReader::take_last_frame)
    }
}
