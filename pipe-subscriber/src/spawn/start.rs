//! `spawn` and `Spawn::spawn`: the order of the steps that start a child.

use std::{io, os::fd::OwnedFd};

use super::buffer_offer::offer_buffer;
use super::builder::Spawn;
use super::command::SpawnCommand;
use super::filter::{FILTER_VARIABLE, child_filter};
use super::handover::{above_stdio, pass_write_end};
#[cfg(feature = "capture")]
use super::line_pipes::LinePipes;
use crate::read::ChildPipe;
use crate::subscriber::PipeSubscriber;

/// Starts a child with a record pipe and the default settings of [`Spawn`].
///
/// # Errors
///
/// The errors of [`Spawn::spawn`].
///
/// # Panics
///
/// As [`Spawn::spawn`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tokio::process::Command;
///
/// let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
/// let status = logs.run_until(child.wait()).await?;
/// let summary = logs.run().await?;
/// # assert_eq!(summary.received, 0);
/// # Ok(()) }
/// ```
pub fn spawn<C: SpawnCommand>(command: C) -> io::Result<(C::Child, PipeSubscriber)> {
    Spawn::new(command).spawn()
}

impl<C: SpawnCommand> Spawn<C> {
    /// Starts the child and returns it with the subscriber for its pipe. The subscriber reads nothing yet.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - the pipe cannot be made,
    /// - the command cannot be started, or
    /// - the child's exit could not be watched: the limit of descriptors is reached, or the system refuses both a timer
    ///   and a thread.
    ///
    /// In each case, this function leaves no descriptor open.
    ///
    /// # Panics
    ///
    /// Panics if the command's own `spawn` does: that of tokio panics outside of a runtime.
    pub fn spawn(mut self) -> io::Result<(C::Child, PipeSubscriber)> {
        let (read_end, write_end) = pipe_above_stdio()?;
        let mut settings = self.settings;
        let filter = child_filter(settings.filter.as_deref());
        let command = self.command.as_std_mut();
        command.env(FILTER_VARIABLE, &filter);
        if let Some(context) = settings.trace_context.take() {
            context.pass_to(command);
        }
        let address = pass_write_end(command, write_end, settings.via)?;
        let asked_for = settings.buffer;
        let rings = offer_buffer(asked_for, command, settings.via, &address);

        // This comes before the spawn for two reasons: the pipe gets its final size before the child can see it, and
        // if there is no timer to watch the exit with, no child has been started yet.
        let mut pipe = ChildPipe::new(read_end, settings.grace)?;
        #[cfg(feature = "capture")]
        let capture = match settings.capture {
            Some(streams) => Some(LinePipes::make(command, streams, settings.grace, &pipe)?),
            None => None,
        };
        let (child, pid) = self.command.spawn()?;
        pipe.watch_exit_of(pid);
        let subscriber = settings.subscriber(pipe, &filter);
        let subscriber = subscriber.with_rings(rings, asked_for.is_some());
        #[cfg(feature = "capture")]
        let subscriber = match capture {
            Some(streams) => subscriber.with_capture(streams.of(pid)),
            None => subscriber,
        };
        Ok((child, subscriber))
    }
}

/// Makes a pipe, the read end first, of which neither end has a number of stdio.
pub(super) fn pipe_above_stdio() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read_end, write_end) = io::pipe()?;
    Ok((
        above_stdio(read_end.into())?,
        above_stdio(write_end.into())?,
    ))
}
