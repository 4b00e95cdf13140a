//! The start with the default settings.

use log::Log;

use super::error::InitError;
use super::outcome::Outcome;
use crate::handler::PipeHandler;

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
