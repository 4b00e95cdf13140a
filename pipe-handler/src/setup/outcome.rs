use super::error::InitError;

/// The logger that [`init_or`](crate::init_or) has set.
///
/// ```no_run
/// # fn run(fallback: impl log::Log + 'static) -> Result<(), pipe_handler::InitError> {
/// use pipe_handler::Outcome;
///
/// if let Outcome::Fallback(reason) = pipe_handler::init_or(fallback)? {
///     log::debug!("no record pipe: {reason}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The pipe handler.
    Pipe,
    /// The fallback, and the reason.
    Fallback(InitError),
}

impl Outcome {
    /// Returns the outcome of a start with the fallback, and logs a warning to it if a pipe was given.
    pub(crate) fn fallback(reason: InitError) -> Self {
        // No pipe at all is normal: the program runs alone. A pipe that was given and cannot be used is not.
        if !matches!(reason, InitError::Absent) {
            log::warn!(target: "pipe_handler", "no record pipe: {reason:?}");
        }
        Self::Fallback(reason)
    }
}
