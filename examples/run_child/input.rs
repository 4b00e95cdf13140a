//! `Input`: what the program writes into its pipe, and how it gets a pipe that is not the record pipe.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use clap::ValueEnum;
use pipe_subscriber::{PipeSubscriber, Spawn};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tokio::process::{Child, Command};

use crate::logbook;

/// The environment variable that holds the number of the descriptor that a child with Logbook writes to.
const LOGBOOK_PIPE: &str = "LOGBOOK_PIPE";
/// Scripts use lower numbers for descriptors of their own.
const LOWEST: i32 = 100;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Input {
    /// Frames, the format of record-proto
    Frames,
    /// The JSON lines of Python's logbook_aiopipe; the variable LOGBOOK_PIPE is the number of the descriptor
    Logbook,
}

/// Starts a program that writes lines of `logbook_aiopipe`. A thread makes frames of them, in a record pipe that this
/// process writes and reads.
pub(crate) fn spawn_logbook(
    mut command: Command,
    prepare: Spawn<()>,
) -> io::Result<(Child, PipeSubscriber)> {
    let (lines, write_end) = io::pipe()?;
    let write_end = fcntl_dupfd_cloexec(write_end, LOWEST)?;
    let (frames, mut logs) = prepare.at(write_end.as_raw_fd())?;
    command.env(LOGBOOK_PIPE, write_end.as_raw_fd().to_string());

    // Nothing else is started meanwhile that could inherit it.
    fcntl_setfd(&write_end, FdFlags::empty())?;
    let child = command.spawn()?;
    drop(write_end);

    let pid = child.id().expect("nobody has waited for it");
    logs.watch_pid(pid)?;
    logbook::start_relay(lines, File::from(OwnedFd::from(frames)), pid)?;
    Ok((child, logs))
}
