use log::Log;

use super::error::InitError;
use super::outcome::Outcome;
use crate::handler::PipeHandler;

/// Makes a [`PipeHandler`] on the pipe that the parent gave the process's logger, with all settings at their defaults.
///
/// # Errors
///
/// If there is no such pipe or the process has a logger; see [`InitError`]. The pipe can then still be adopted.
///
/// ```no_run
/// pipe_handler::init()?;
/// log::info!(user = 7; "hello from child process");
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
pub fn init() -> Result<(), InitError> {
    PipeHandler::builder().init()
}

/// Like [`init`], and makes `fallback` the logger if there is no pipe or it cannot be used: one program that runs as a
/// child and by itself.
///
/// # Errors
///
/// If the process has a logger.
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
