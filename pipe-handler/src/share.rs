use std::{
    io,
    os::{fd::AsFd, unix::process::CommandExt},
    process::Command,
    sync::{Arc, OnceLock},
};

use rustix::io::FdFlags;

use crate::{
    env::{self, Address},
    outlet::Outlet,
    pipe::Pipe,
    process,
};

/// The outlet of the handler that is the process's logger.
static GLOBAL: OnceLock<Arc<Outlet>> = OnceLock::new();

pub(crate) fn set_global(outlet: &Arc<Outlet>) {
    // The logger is set once per process, and before this.
    let _ = GLOBAL.set(Arc::clone(outlet));
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
/// [`io::ErrorKind::NotConnected`] where this process's logger is no pipe handler; `command` is then as it was.
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
    let Some(outlet) = GLOBAL.get() else {
        return Err(no_pipe());
    };
    share(outlet, command)
}

pub(crate) fn share(outlet: &Arc<Outlet>, command: &mut Command) -> io::Result<()> {
    let pipe = outlet.pipe().ok_or_else(no_pipe)?;
    let address = pipe.address()?;
    command.env(env::PIPE, address.to_env());
    command.env(env::FILTER, &outlet.settings.filter);
    let shared = Shared {
        outlet: Arc::clone(outlet),
        address,
        here: process::ask(),
    };
    let pass_on = move || shared.pass_on();
    // SAFETY: in a forked child the closure makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(pass_on) };
    Ok(())
}

/// The pipe in the hands of a command.
struct Shared {
    outlet: Arc<Outlet>,
    address: Address,
    /// The process that shares it.
    here: u32,
}

impl Shared {
    /// Between fork and exec; without a fork, right before this process becomes another program.
    ///
    /// It never fails: std would report that through a descriptor that a hook may have closed as well, and then aborts
    /// the child.
    fn pass_on(&self) -> io::Result<()> {
        if process::ask() == self.here {
            self.outlet.leave();
        }
        if let Some(pipe) = self.pipe() {
            let _ = rustix::io::fcntl_setfd(pipe.as_fd(), FdFlags::empty());
        }
        Ok(())
    }

    /// `None` where it was closed meanwhile, or its number is another descriptor's: a hook of the command's own, which
    /// runs before, or a program that closes what it does not own.
    fn pipe(&self) -> Option<&Pipe> {
        let is_there = |pipe: &&Pipe| pipe.address() == Ok(self.address);
        self.outlet.pipe().filter(is_there)
    }
}

/// An exec without fork that failed has left the pipe open to all children.
impl Drop for Shared {
    fn drop(&mut self) {
        if process::ask() == self.here {
            self.pipe().inspect(|pipe| pipe.close_on_exec());
        }
    }
}

fn no_pipe() -> io::Error {
    let reason = "this process has no record pipe to share";
    io::Error::new(io::ErrorKind::NotConnected, reason)
}
