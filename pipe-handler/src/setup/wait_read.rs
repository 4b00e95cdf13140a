//! `wait_read`: an acknowledgement of the parent.

use std::time::Duration;

use super::share;
use crate::handler::PipeHandler;
use crate::transport::WaitReadError;

/// Waits until the parent has read everything that this process has logged so far, at most for `timeout`.
///
/// Read means: passed to the parent's logger, also if that has panicked over a record or filters it, or, if the parent
/// takes the records one by one, handed out. Nothing needs this call for a record to arrive; use it before something
/// that must not happen unless the parent knows the records.
///
/// It needs [`Delivery::Shared`](crate::Delivery::Shared), and a parent that offers a shared buffer.
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
/// use pipe_handler::{Delivery, PipeHandler};
///
/// PipeHandler::builder().delivery(Delivery::Shared).init()?;
/// log::info!("about to leave the orbit");
/// pipe_handler::wait_read(Duration::from_secs(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn wait_read(timeout: Duration) -> Result<(), WaitReadError> {
    let writer = share::global().ok_or(WaitReadError::Pipe)?;
    writer.wait_read(timeout)
}

impl PipeHandler {
    /// Waits until the parent has read everything that this process has logged so far, at most for `timeout`; see
    /// [`wait_read`](crate::wait_read).
    ///
    /// # Errors
    ///
    /// As for `wait_read`.
    pub fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        self.writer.wait_read(timeout)
    }
}
