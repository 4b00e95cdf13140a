//! Flushes and closes a handler before the process exits.

use std::{fmt, sync::Arc, time::Duration};

use crate::record::{Counts, RecordWriter};

/// Flushes and closes buffered delivery before the process exits.
///
/// Made by [`Builder::init_guarded`](crate::Builder::init_guarded) and
/// [`Builder::init_with_drain`](crate::Builder::init_with_drain).
///
/// A process that returns from main or calls `exit` flushes its records anyway. The guard does it earlier and returns
/// the counts. Dropping it does the same within the exit timeout, without returning the counts.
///
/// ```no_run
/// use std::time::Duration;
/// use pipe_handler::{Delivery, PipeHandler};
///
/// let guard = PipeHandler::builder().delivery(Delivery::Buffered).init_guarded()?;
/// log::info!("a hot path");
/// match guard.close(Duration::from_secs(1)) {
///     Some(closed) => eprintln!("{} records sent, {} dropped", closed.sent, closed.dropped),
///     None => eprintln!("the parent does not read"),
/// }
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[must_use = "dropped at once it closes at once; keep it to the end of main"]
pub struct Guard {
    writer: Arc<RecordWriter>,
    is_closed: bool,
}

impl Guard {
    pub(crate) fn new(writer: Arc<RecordWriter>) -> Self {
        Self {
            writer,
            is_closed: false,
        }
    }

    /// Waits until everything logged so far is in the pipe. Returns `false` if `timeout` was too short.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.writer.flush(timeout)
    }

    /// Waits until everything is in the pipe, tells the parent that there are no more records, and returns the counts.
    ///
    /// Returns `None` if `timeout` was too short, if the pipe has no reader, or if this process has never written to
    /// it.
    pub fn close(mut self, timeout: Duration) -> Option<Counts> {
        self.is_closed = true;
        self.writer.close(timeout)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_closed {
            self.writer.close(self.writer.settings.exit_timeout);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.writer.counts();
        f.debug_struct("Guard").field("counts", &counts).finish()
    }
}
