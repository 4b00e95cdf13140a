//! Passes the pipe on to a child of this process.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{self, Command},
    sync::Arc,
};

use super::env;
use super::logger;
use crate::handler::PipeHandler;
use crate::record::RecordWriter;

/// Passes this process's record pipe on to a child of its own.
///
/// The child adopts the pipe as if this process's parent had started it, and uses the same filter. Its records carry
/// its own pid and are counted separately.
///
/// Only the process that is spawned from `command` gets the pipe; other children still find it closed. A command that
/// is run by [`exec`](CommandExt::exec) passes the pipe on to the program that replaces this one. If the exec fails,
/// other children may inherit the pipe until `command` is dropped.
///
/// If another hook of the command ([`pre_exec`](CommandExt::pre_exec)) closes the pipe or replaces its descriptor, the
/// child has no pipe; nothing else fails.
///
/// For tokio's `Command`, pass `as_std_mut()`.
///
/// # Errors
///
/// [`io::ErrorKind::NotConnected`] if this process's logger is not a pipe handler, or if other code has closed or
/// replaced its descriptor. `command` is then unchanged.
///
/// ```no_run
/// use std::process::Command;
///
/// let mut helper = Command::new("helper");
/// pipe_handler::share_with(&mut helper)?;
/// helper.spawn()?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn share_with(command: &mut Command) -> io::Result<()> {
    share(logger::writer().ok_or_else(no_pipe)?, command)
}

impl PipeHandler {
    /// Passes this handler's pipe on to a child of this process; see [`share_with`](crate::share_with).
    ///
    /// # Errors
    ///
    /// If other code has closed or replaced the handler's descriptor.
    pub fn share_with(&self, command: &mut Command) -> io::Result<()> {
        share(&self.writer, command)
    }
}

#[expect(
    unsafe_code,
    reason = "pre_exec has no safe form; the closure runs in a forked child, asks for the pid, makes an fstat and an \
              fcntl call, and allocates nothing"
)]
fn share(writer: &Arc<RecordWriter>, command: &mut Command) -> io::Result<()> {
    let address = writer.transport.address().ok_or_else(no_pipe)?;
    command.env(env::PIPE, address);
    command.env(env::FILTER, &writer.settings.filter);
    let shared = SharedPipe {
        writer: Arc::clone(writer),
        pid: process::id(),
    };
    // Runs between fork and exec or, for an exec without fork, right before another program replaces this one.
    //
    // It never returns an error. std would report the error through a descriptor of its own and, if another hook has
    // closed that one too, abort the child.
    let pass_on = move || {
        let SharedPipe { writer, pid } = &shared;
        if process::id() == *pid {
            writer.close_before_exec();
        }
        writer.transport.set_close_on_exec(false);
        Ok(())
    };
    // SAFETY: in a forked child the closure only makes system calls, and allocates nothing.
    unsafe { command.pre_exec(pass_on) };
    Ok(())
}

/// The pipe, as long as a command may pass it on.
struct SharedPipe {
    writer: Arc<RecordWriter>,
    /// The process that shares it, to tell it from the forked child.
    pid: u32,
}

/// After an exec without fork that failed, all children would inherit the pipe.
impl Drop for SharedPipe {
    fn drop(&mut self) {
        if process::id() == self.pid {
            self.writer.transport.set_close_on_exec(true);
        }
    }
}

fn no_pipe() -> io::Error {
    let reason = "this process has no record pipe to share";
    io::Error::new(io::ErrorKind::NotConnected, reason)
}
