//! The logger itself: passes records through the filter to the writer.

use std::{fmt, sync::Arc, time::Duration};

use log::{LevelFilter, Log, Metadata, Record};
use record_proto::Event;

use super::filter::Filter;
use crate::record::{Counts, RecordWriter};
use crate::transport::WaitReadError;

/// A logger (an implementation of [`log::Log`]) that sends records to the parent process's logger.
///
/// Most programs make it the process's logger with [`init`](crate::init). As a value, it can be combined with other
/// loggers or used by itself. Dropping it tells the parent that there will be no more records.
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
    #[cfg(feature = "scope")]
    pub(crate) hold_back: Option<Arc<crate::scope::Hold>>,
}

impl PipeHandler {
    /// Returns the most verbose level that the filter enables for any target.
    pub fn level(&self) -> LevelFilter {
        self.filter.level()
    }

    /// Returns how many records have been sent and how many were dropped so far.
    pub fn counts(&self) -> Counts {
        self.writer.counts()
    }

    /// Whether the pipe has no reader any more, or the parent has stopped reading. Records are then discarded.
    ///
    /// It looks at the pipe, which is one system call.
    pub fn is_gone(&self) -> bool {
        self.writer.is_gone() || self.writer.look_for_reader()
    }

    /// Tells the parent that there are no more records, and returns the counts. Waits up to the exit timeout for
    /// room.
    ///
    /// Records may still follow, for example from other threads. The next close counts them, which happens at the
    /// latest when the process exits.
    ///
    /// Returns `None` if there was no room, if the parent is gone, or if this process was forked and has not logged
    /// since.
    pub fn close(&self) -> Option<Counts> {
        self.writer.close(self.writer.settings.exit_timeout)
    }

    /// Waits until the parent has read everything that this process has logged so far, at most for `timeout`; see
    /// [`wait_read`](crate::wait_read).
    ///
    /// # Errors
    ///
    /// As for `wait_read`.
    pub fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        self.writer.wait_read(timeout)
    }

    /// Sends an event that the filter has let through.
    #[inline]
    pub(crate) fn send(&self, event: &impl Event) {
        #[cfg(feature = "scope")]
        crate::scope::log(&self.writer, self.hold_back.as_ref(), event);
        #[cfg(not(feature = "scope"))]
        self.writer.log(event);
    }
}

impl Log for PipeHandler {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !self.writer.is_gone() && self.filter.enabled(metadata)
    }

    /// Sends the record if the filter lets it through.
    ///
    /// It never panics, never logs, and holds no lock while a value is formatted. The
    /// [overflow policy](crate::Overflow) decides how long it may wait. It may be called anywhere except in a signal
    /// handler.
    fn log(&self, record: &Record<'_>) {
        if self.filter.enabled(record.metadata()) {
            self.send(record);
        }
    }

    /// Does nothing: each record has left this process's own memory when [`log`](Self::log) returns.
    ///
    /// Only a handler with a drain (`Builder::build_over`) waits until everything logged so far is written, at most
    /// for the exit timeout, and not in a thread of a tokio runtime.
    fn flush(&self) {
        self.writer.flush();
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
