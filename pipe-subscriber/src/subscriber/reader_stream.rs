//! `ReaderStream`: the common part of the streams of records and of frames.

use std::{
    io,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncRead;

use super::error::ReadError;
use super::record_reader::RecordReader;
use crate::account::Summary;

/// A reader that is polled for one item at a time, and how it ended.
#[derive(Debug)]
pub(super) struct ReaderStream<R> {
    reader: RecordReader<R>,
    ended: Option<Result<Summary, ReadError>>,
}

impl<R: AsyncRead + Unpin> ReaderStream<R> {
    pub(super) fn new(reader: RecordReader<R>) -> Self {
        Self {
            reader,
            ended: None,
        }
    }

    /// Returns the figures of the stream, or `None` if it has not ended.
    pub(super) fn summary(&self) -> Option<&Summary> {
        match self.ended.as_ref()? {
            Ok(summary) => Some(summary),
            Err(error) => Some(&error.summary),
        }
    }

    /// Returns the read error that ended the stream, if one did.
    pub(super) fn error(&self) -> Option<&io::Error> {
        let error = self.ended.as_ref()?.as_ref().err()?;
        Some(&error.source)
    }

    /// Returns the figures, or the read error that ended the stream.
    pub(super) fn into_summary(mut self) -> Result<Summary, ReadError> {
        match self.ended {
            Some(ended) => ended,
            None => self.reader.finish(),
        }
    }

    /// Returns the next item that `take` makes of an input. At the end `take_last` may make more.
    pub(super) fn poll_next_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut RecordReader<R>) -> Option<T>,
        mut take_last: impl FnMut(&mut RecordReader<R>) -> Option<T>,
    ) -> Poll<Option<T>> {
        while self.ended.is_none() {
            let item = match ready!(self.reader.poll_input(cx)) {
                true => {
                    self.reader.frames.step();
                    take(&mut self.reader)
                }
                false => {
                    let last = take_last(&mut self.reader);
                    if last.is_none() {
                        self.ended = Some(self.reader.finish());
                    }
                    last
                }
            };
            if item.is_some() {
                return Poll::Ready(item);
            }
        }
        Poll::Ready(None)
    }
}
