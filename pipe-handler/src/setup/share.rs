use std::{
    io,
    os::unix::process::CommandExt,
    process::Command,
    sync::{Arc, OnceLock},
};

use super::variables;
use crate::handler::PipeHandler;
use crate::record::RecordWriter;
use crate::sys::process;

/// The writer of the handler that is the process's logger.
static GLOBAL: OnceLock<Arc<RecordWriter>> = OnceLock::new();

pub(crate) fn set_global(writer: &Arc<RecordWriter>) {
    // The logger is set once per process, and before this.
    let _ = GLOBAL.set(Arc::clone(writer));
}

/// Passes this process's record pipe on to a child of its own.
///
/// The child adopts it as if it were its own parent's child, with the same filter; its records carry its own pid and
/// are counted by themselves. For the process that is spawned from `command` only: other children still find the pipe
/// closed. A command that is run by [`exec`](CommandExt::exec) passes the pipe on to what this process becomes; where
/// that fails, it is kept from other children again when `command` is dropped.
///
/// A hook of the command's own ([`pre_exec`](CommandExt::pre_exec)) that closes the pipe, or puts another descriptor on its
/// number, costs the child its pipe and nothing else.
///
/// With tokio's `Command`, give it `as_std_mut()`.
///
/// # Errors
///
/// [`io::ErrorKind::NotConnected`] if this process's logger is no pipe handler, or its descriptor was closed behind its
/// back; `command` is then as it was.
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
    let Some(writer) = GLOBAL.get() else {
        return Err(no_pipe());
    };
    share(writer, command)
}

impl PipeHandler {
    /// Passes this handler's pipe on to a child of this process; see [`share_with`](crate::share_with).
    ///
    /// # Errors
    ///
    /// If it was closed behind the handler's back.
    pub fn share_with(&self, command: &mut Command) -> io::Result<()> {
        share(&self.writer, command)
    }
}

fn share(writer: &Arc<RecordWriter>, command: &mut Command) -> io::Result<()> {
    let pipe = writer.pipe().ok_or_else(no_pipe)?;
    let address = pipe.address().ok_or_else(no_pipe)?;
    command.env(variables::PIPE, address.to_string());
    command.env(variables::FILTER, &writer.settings.filter);
    let shared = Shared {
        writer: Arc::clone(writer),
        here: process::ask_pid(),
    };
    let pass_on = move || shared.pass_on();
    // SAFETY: in a forked child the closure makes system calls on a descriptor, and allocates nothing.
    unsafe { command.pre_exec(pass_on) };
    Ok(())
}

/// The pipe in the hands of a command.
struct Shared {
    writer: Arc<RecordWriter>,
    /// The process that shares it.
    here: u32,
}

impl Shared {
    /// Between fork and exec; without a fork, right before this process becomes another program.
    ///
    /// It never fails: std would report that through a descriptor that a hook may have closed as well, and then aborts
    /// the child.
    fn pass_on(&self) -> io::Result<()> {
        if process::ask_pid() == self.here {
            self.writer.close_before_exec();
        }
        if let Some(pipe) = self.writer.pipe() {
            let _refused = pipe.set_close_on_exec(false);
        }
        Ok(())
    }
}

/// An exec without fork that failed has left the pipe open to all children.
impl Drop for Shared {
    fn drop(&mut self) {
        if process::ask_pid() == self.here {
            // Nothing can be done if it fails, and it does not for a descriptor that is open.
            let pipe = self.writer.pipe();
            let _kept = pipe.map(|pipe| pipe.set_close_on_exec(true));
        }
    }
}

fn no_pipe() -> io::Error {
    let reason = "this process has no record pipe to share";
    io::Error::new(io::ErrorKind::NotConnected, reason)
}
