/// How records get from the log call into the pipe.
///
/// | | a log call | lost at `SIGKILL`, `abort`, `_exit` | use it for |
/// |---|---|---|---|
/// | `Direct` | encodes and makes one system call | nothing | everything |
/// | `Buffered` | encodes into memory of the thread | records that are not yet written | hot paths |
///
/// At `return` from main, at `exit` and at panics, neither loses a record if the parent reads within the exit timeout.
/// Both report the records that they lose.
///
/// A drain that the program polls and that does not write to a pipe ([`build_over`](crate::Builder::build_over)) cannot
/// be waited for at exit: await it.
///
/// ```no_run
/// use pipe_handler::{Delivery, PipeHandler};
///
/// let _guard = PipeHandler::builder().delivery(Delivery::Buffered).init_guarded()?;
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// The record is in the pipe when the log call returns. There is no queue, no thread and nothing to flush. The
    /// default.
    #[default]
    Direct,
    /// The record is in memory that the parent shares when the log call returns. If the parent offers no such memory, or
    /// if it cannot be used, this is `Direct`.
    #[cfg(feature = "shared-buffer")]
    Shared,
    /// A thread of the handler's own writes the records of the program's threads, many at once. The first record after
    /// a pause is written at once.
    #[cfg(feature = "buffered")]
    Buffered,
}
