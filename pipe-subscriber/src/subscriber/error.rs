//! The error of reading.

use std::{fmt, io};

use record_proto::fmt_with_sources;
use thiserror::Error;

use crate::account::Summary;

/// The error of a reader that failed. Everything that arrived before has been handed on.
///
/// Its `Debug` output is its text followed by the texts of its sources, so that `main` may return it.
///
/// # Examples
///
/// ```
/// use pipe_subscriber::ReadError;
///
/// fn report(error: &ReadError) {
///     eprintln!("{error}: {} (so far: {})", error.source, error.summary);
/// }
/// ```
#[derive(Error)]
#[error("reading the record stream failed after {} records", summary.received)]
#[non_exhaustive]
pub struct ReadError {
    /// The figures up to the failure. The [`end`](Summary::end) is truncated if the reader failed inside a frame, and
    /// otherwise clean or eof.
    pub summary: Box<Summary>,
    /// The error that the reader returned.
    pub source: io::Error,
}

/// For a task that also waits for the child: its functions return `io::Error` too. The kind is that of the source, and the
/// `ReadError` can be taken out of the `io::Error` again.
impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_sources(self, f)
    }
}
