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
