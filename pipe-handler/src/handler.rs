use std::{fmt, sync::Arc};

use log::{LevelFilter, Log, Metadata, Record};

use super::filter::Filter;
use crate::record::{Counts, RecordWriter};

/// A logger (an implementation of [`log::Log`]) whose records arrive in the parent process's logger.
///
/// Mostly made the process's logger by [`init`](crate::init); as a value it is a logger like any other, to be combined
/// with others or used by itself. Dropping it says that there will be no more records.
///
/// ```
/// use std::io::Read;
///
/// use log::Log;
/// use pipe_handler::PipeHandler;
///
/// let (mut read_end, write_end) = std::io::pipe()?;
/// let handler = PipeHandler::builder().build_on(write_end)?;
/// handler.log(&log::Record::builder().args(format_args!("hello")).build());
/// drop(handler);
///
/// let mut stream = Vec::new();
/// read_end.read_to_end(&mut stream)?;
/// assert!(stream.windows(5).any(|bytes| bytes == b"hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PipeHandler {
    pub(crate) writer: Arc<RecordWriter>,
    pub(crate) filter: Filter,
}

impl PipeHandler {
    /// The most verbose level that the filter lets through anywhere.
    pub fn level(&self) -> LevelFilter {
        self.filter.level()
    }

    /// How many records are in the pipe and how many were dropped, so far.
    pub fn counts(&self) -> Counts {
        self.writer.counts()
    }

    /// Whether nobody reads any more. Records are then discarded.
    pub fn is_gone(&self) -> bool {
        self.writer.is_gone()
    }

    /// Tells the parent that this was all; waits up to the exit timeout for room in the pipe.
    ///
    /// Records may still follow, from other threads for example: they are counted by the next close, which comes at
    /// the latest when the process exits. `None` where the pipe had no room, nobody reads, or nothing was ever said.
    pub fn close(&self) -> Option<Counts> {
        self.writer.close(self.writer.settings.exit_timeout)
    }
}

impl Log for PipeHandler {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !self.writer.is_gone() && self.filter.enabled(metadata)
    }

    /// Sends the record if the filter lets it through.
    ///
    /// It never panics, never logs, and holds no lock while anything is formatted. How long it may wait is said by
    /// the [overflow policy](crate::Overflow). It may be called from anywhere but a signal handler.
    fn log(&self, record: &Record<'_>) {
        if self.filter.enabled(record.metadata()) {
            self.writer.log(record);
        }
    }

    /// With buffered delivery waits, at most the exit timeout, until everything logged so far is in the pipe. With
    /// direct delivery each record is when [`log`](Self::log) returns.
    fn flush(&self) {
        self.writer.flush(self.writer.settings.exit_timeout);
    }
}

impl Drop for PipeHandler {
    fn drop(&mut self) {
        self.writer.close_on_drop();
    }
}

impl fmt::Debug for PipeHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeHandler")
            .field("filter", &self.writer.settings.filter)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
