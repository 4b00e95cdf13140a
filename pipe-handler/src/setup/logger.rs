//! The functions that set the process's logger with the default settings, and those that reach it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use log::Log;

use super::error::InitError;
use super::outcome::Outcome;
use crate::handler::PipeHandler;
use crate::record::{Counts, RecordWriter};
use crate::transport::WaitReadError;

/// The writer of the handler that is the process's logger. Nobody waits for it: only the thread that has set the logger
/// sets it, and the others look whether it is set.
static INSTALLED: OnceLock<Arc<RecordWriter>> = OnceLock::new();

pub(super) fn set(writer: Arc<RecordWriter>) {
    // It never fails: the caller has just set the process's logger, which is possible once.
    let _ = INSTALLED.set(writer);
}

/// Returns the writer of the handler that is the process's logger.
pub(super) fn writer() -> Option<&'static Arc<RecordWriter>> {
    INSTALLED.get()
}

/// Makes a [`PipeHandler`] with the default settings on the pipe that the parent gave, and sets it as the process's
/// logger.
///
/// # Errors
///
/// If there is no such pipe, or if the process already has a logger; see [`InitError`]. A later call can then still
/// adopt the pipe.
///
/// ```no_run
/// pipe_handler::init()?;
/// log::info!(user = 7; "hello from child process");
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init() -> Result<(), InitError> {
    PipeHandler::builder().init()
}

/// Like [`init`], but sets `fallback` as the logger if there is no pipe or if it cannot be used.
///
/// Use it for a program that runs both as a child and by itself.
///
/// # Errors
///
/// If the process already has a logger.
///
/// ```no_run
/// # struct Stderr;
/// # impl log::Log for Stderr {
/// #     fn enabled(&self, _: &log::Metadata<'_>) -> bool { true }
/// #     fn log(&self, record: &log::Record<'_>) { eprintln!("{}", record.args()); }
/// #     fn flush(&self) {}
/// # }
/// # let fallback = Stderr;
/// pipe_handler::init_or(fallback)?; // for example env_logger::builder().build()
/// log::info!(user = 7; "hello from child process");
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init_or(fallback: impl Log + 'static) -> Result<Outcome, InitError> {
    PipeHandler::builder().init_or(fallback)
}

/// Returns how many records this process has sent and dropped so far; `None` if its logger was not set by
/// [`init`](crate::init) or another function of this crate.
///
/// ```no_run
/// pipe_handler::init()?;
/// log::info!("hello from child process");
/// let counts = pipe_handler::counts().expect("init has set the logger");
/// assert_eq!((counts.sent, counts.dropped), (1, 0));
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn counts() -> Option<Counts> {
    writer().map(|writer| writer.counts())
}

/// Tells the parent that this process logs no more records, and returns the counts. Waits for room for at most
/// `timeout`.
///
/// Nothing needs this call: a process that returns from main or calls `exit` closes by itself. Use it to see the counts,
/// or before an end at which no exit hooks run (`_exit`, `abort`), so that the parent does not report a process that has
/// not closed. Records may still follow, for example from other threads; the next close counts them.
///
/// Returns `None` if there was no room within the timeout, if the parent is gone, if this process was forked and has
/// not logged since, or if its logger was not set by this crate.
///
/// ```no_run
/// use std::time::Duration;
///
/// pipe_handler::init()?;
/// log::info!("hello from child process");
/// if let Some(closed) = pipe_handler::close(Duration::from_secs(1)) {
///     eprintln!("{} records sent, {} dropped", closed.sent, closed.dropped);
/// }
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn close(timeout: Duration) -> Option<Counts> {
    writer()?.close(timeout)
}

/// Returns at once: a record that was logged is already in the pipe or in the memory that the parent shares.
///
/// It is there for programs that flush their logger out of habit, and does what `log::logger().flush()` does. To wait
/// until the parent has read the records, use [`wait_read`].
///
/// ```no_run
/// pipe_handler::init()?;
/// log::info!("hello from child process");
/// pipe_handler::flush();
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn flush() {
    writer().inspect(|writer| writer.flush());
}

/// Waits until the parent has read everything that this process has logged so far, at most for `timeout`.
///
/// Read means: passed to the parent's logger, also if that has panicked over a record or filters it, or, if the parent
/// takes the records one by one, handed out. Nothing needs this call for a record to arrive; use it before something
/// that must not happen unless the parent knows the records.
///
/// It needs [`Delivery::Shared`](crate::Delivery::Shared), which is the default, and a parent that offers a shared
/// buffer.
///
/// # Errors
///
/// - [`WaitReadError::Pipe`] if this process sends its records through the pipe, and if its logger is not a pipe handler;
/// - [`WaitReadError::TimedOut`] if the parent has not read everything in time;
/// - [`WaitReadError::Gone`] if the parent is gone.
///
/// ```no_run
/// use std::time::Duration;
///
/// pipe_handler::init()?;
/// log::info!("about to leave the orbit");
/// pipe_handler::wait_read(Duration::from_secs(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait_read(timeout: Duration) -> Result<(), WaitReadError> {
    writer().ok_or(WaitReadError::Pipe)?.wait_read(timeout)
}
