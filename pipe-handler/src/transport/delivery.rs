/// How records get from the log call into the pipe.
///
/// | | a log call | lost at `SIGKILL`, `abort`, `_exit` | for |
/// |---|---|---|---|
/// | `Direct` | encodes and makes one system call | nothing | everything |
/// | `Buffered` | encodes into memory of the thread | what is not yet written | hot paths |
///
/// Both lose nothing at `return` from main, `exit` and panics if the parent reads within the exit timeout, and report what they
/// lose. A drain that is a task of the
/// program's own and does not write to a pipe ([`build_over`](crate::Builder::build_over)) cannot be waited for at exit:
/// await it.
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
    /// The record is in the pipe when the log call returns. No queue, no thread, nothing to flush. The default.
    #[default]
    Direct,
    /// A thread of the handler's own writes what the program's threads have logged, many records at once. The first
    /// record after a pause goes out at once.
    Buffered,
}
