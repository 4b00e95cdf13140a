//! How the write end gets into the child: under which number, and how `RECORD_PIPE` names it.

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{self, Stdio},
};

use rustix::{
    fs::{Stat, fstat},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
};

use crate::sys::{Limit, soft_limit};

/// The environment variable that names the write end: `v1:<descriptor>:<device>:<inode>`, and then a shared buffer, if
/// there is one: `:<descriptor>:<device>:<inode>:<size>`.
pub(super) const PIPE_VARIABLE: &str = "RECORD_PIPE";

/// The lowest number for a write end that is passed as a descriptor.
///
/// Scripts and hooks put their own descriptors on low numbers and replace whatever is there; numbers from 100 are
/// seldom used in this way. It is not higher, because a child's table of descriptors grows with the highest number.
const LOWEST_NUMBER: RawFd = 100;

/// How a child gets the write end of its pipe.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use pipe_subscriber::{Spawn, Via};
///
/// let mut command = std::process::Command::new("sh");
/// command.args(["-c", "case $RECORD_PIPE in v1:0:*) ;; *) exit 1;; esac"]);
/// let (mut child, logs) = Spawn::new(command).via(Via::Stdin).spawn()?;
///
/// logs.run_on_thread()?.join().unwrap().unwrap();
/// assert!(child.wait()?.success());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Via {
    /// As a descriptor of its own, under the number that it has in the parent. Between fork and exec, its
    /// close-on-exec flag is cleared, in the child only. This is the default.
    ///
    /// The number is the lowest free one from 100. Redirections in scripts, and descriptors that are passed by number,
    /// leave these numbers alone. If the limit of descriptors is below 200, the search begins at half the limit; if no
    /// number is free from there on, any free number is used.
    ///
    /// If a [`pre_exec`](CommandExt::pre_exec) hook of the command closes the descriptor or replaces it, the child has
    /// no pipe, and nothing else goes wrong.
    ///
    /// A program that does not know the pipe keeps it open and passes it on to its own children.
    #[default]
    Fd,
    /// As its stdin, in place of the command's own stdin setting. The standard library can then start the child without
    /// a fork, which is faster if the parent uses much memory. The pipe also gets through
    /// [programs](crate::Spawn#programs-between) that close every other descriptor.
    Stdin,
}

/// Makes the command pass the write end to the child and name it in the child's environment.
///
/// The command owns the write end from here on: dropping the command closes it in this process.
pub(super) fn pass_write_end(
    command: &mut process::Command,
    write_end: OwnedFd,
    via: Via,
) -> io::Result<String> {
    let pipe = fstat(&write_end)?;
    let number = match via {
        Via::Fd => {
            let write_end = above_low_numbers(write_end);
            let number = write_end.as_raw_fd();
            inherit_in_child(command, write_end, &pipe);
            number
        }
        Via::Stdin => {
            command.stdin(Stdio::from(write_end));
            0
        }
    };
    let address = address(number, &pipe);
    command.env(PIPE_VARIABLE, &address);
    Ok(address)
}

/// Hands the descriptor of a shared buffer to the child, beside the pipe with this address.
pub(super) fn pass_buffer(
    command: &mut process::Command,
    buffer: OwnedFd,
    pipe: &str,
) -> io::Result<()> {
    let stat = fstat(&buffer)?;
    let buffer = above_low_numbers(buffer);
    let number = buffer.as_raw_fd();
    inherit_in_child(command, buffer, &stat);
    command.env(PIPE_VARIABLE, address_with_buffer(pipe, number, &stat));
    Ok(())
}

/// Returns the value of [`PIPE_VARIABLE`] for a child that has `pipe` under this number.
pub(super) fn address(number: RawFd, pipe: &Stat) -> String {
    format!("v1:{number}:{}:{}", pipe.st_dev, pipe.st_ino)
}

/// Returns the value of [`PIPE_VARIABLE`] for a child that has the pipe with this address, and `buffer` under this number.
pub(super) fn address_with_buffer(pipe: &str, number: RawFd, buffer: &Stat) -> String {
    let (dev, ino, bytes) = (buffer.st_dev, buffer.st_ino, buffer.st_size);
    format!("{pipe}:{number}:{dev}:{ino}:{bytes}")
}

/// Moves a descriptor to a number from [`LOWEST_NUMBER`], or returns it unchanged if no such number is free.
fn above_low_numbers(fd: OwnedFd) -> OwnedFd {
    let limit = soft_limit(Limit::Descriptors);
    let half = limit.and_then(|limit| RawFd::try_from(limit / 2).ok());
    let lowest = LOWEST_NUMBER.min(half.unwrap_or(LOWEST_NUMBER)).max(3);
    fcntl_dupfd_cloexec(&fd, lowest).unwrap_or(fd)
}

/// Clears the write end's close-on-exec flag in the child.
///
/// The flag belongs to the descriptor, not to the pipe. Cleared in the forked child, it stays set in this process, so
/// that no other child inherits the pipe.
///
/// The command's own hooks have run before this one. If one of them has closed the descriptor, or put another one on
/// its number, this hook changes nothing and returns no error: std would report the error through a descriptor of its
/// own, which the other hook may have closed too, and would then abort the child.
#[expect(
    unsafe_code,
    reason = "the standard library has no stable way to pass a descriptor on but Command::pre_exec, which is unsafe \
              because its closure runs in the forked child"
)]
fn inherit_in_child(command: &mut process::Command, write_end: OwnedFd, pipe: &Stat) {
    let (dev, ino) = (pipe.st_dev, pipe.st_ino);
    let clear_close_on_exec = move || {
        if fstat(&write_end).is_ok_and(|found| (found.st_dev, found.st_ino) == (dev, ino)) {
            let _ = fcntl_setfd(&write_end, FdFlags::empty());
        }
        Ok(())
    };
    // SAFETY: The closure makes two system calls, fstat and fcntl, which are async-signal-safe. It neither allocates nor
    // locks.
    unsafe {
        command.pre_exec(clear_close_on_exec);
    }
}

/// Moves a descriptor above the numbers of stdio.
///
/// In a program that runs with closed stdio, a new descriptor may get number 0, 1 or 2. The child's own stdio would
/// replace it there.
pub(super) fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    match fd.as_raw_fd() {
        0..=2 => Ok(fcntl_dupfd_cloexec(&fd, 3)?),
        _ => Ok(fd),
    }
}
