use std::{fmt, io};

use record_proto::fmt_with_sources;
use thiserror::Error;

use crate::account::Summary;

/// Reading the stream failed; everything that arrived before has been handed on.
///
/// ```
/// use pipe_subscriber::ReadError;
///
/// fn report(error: &ReadError) {
///     eprintln!("{error}: {} (so far: {})", error.source, error.summary);
/// }
/// ```
///
/// Its `Debug` is its text and that of its sources, so that `main` may return it.
#[derive(Error)]
#[error("reading the record stream failed after {} records", summary.received)]
#[non_exhaustive]
pub struct ReadError {
    /// What came until then. Its [`end`](Summary::end) says how far that was: truncated inside a frame, otherwise
    /// clean or eof.
    pub summary: Box<Summary>,
    /// What the reader said.
    pub source: io::Error,
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_with_sources(self, f)
    }
}
