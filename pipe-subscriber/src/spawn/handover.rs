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

/// Where the child finds its write end.
const PIPE_VARIABLE: &str = "RECORD_PIPE";

/// Scripts and hooks put descriptors of their own on low numbers, over whatever is there. From here on they seldom do. It
/// is not more, because a child's table of descriptors grows with the highest.
const LOWEST_NUMBER: RawFd = 100;

/// How a child gets the write end of its pipe.
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
    /// As a descriptor of its own, under the number that it has in the parent: between fork and exec its close-on-exec
    /// flag is taken away, in the child only. The default.
    ///
    /// The number is the lowest free one from 100, which the redirections of scripts and descriptors that are passed by
    /// number leave alone; with a limit of fewer than 200 descriptors from half of it, and where that half is full any.
    /// A hook of the command's own ([`pre_exec`](CommandExt::pre_exec)) that closes it or puts another descriptor on
    /// its number costs the child its pipe and nothing else.
    ///
    /// A program that does not know the pipe keeps it open and hands it to its own children.
    #[default]
    Fd,
    /// As its stdin, in place of what the command had there. The standard library can then start it without a fork,
    /// which is faster under a parent with much memory, and it passes [programs](Spawn#programs-between) that close
    /// every other descriptor.
    Stdin,
}

/// The command owns the write end from here on.
pub(super) fn hand_over(
    command: &mut process::Command,
    write_end: OwnedFd,
    via: Via,
) -> io::Result<()> {
    let pipe = fstat(&write_end)?;
    let number = match via {
        Via::Fd => {
            let write_end = out_of_the_way(write_end);
            let number = write_end.as_raw_fd();
            keep_in_child(command, write_end, &pipe);
            number
        }
        Via::Stdin => {
            command.stdin(Stdio::from(write_end));
            0
        }
    };
    let address = format!("v1:{number}:{}:{}", pipe.st_dev, pipe.st_ino);
    command.env(PIPE_VARIABLE, address);
    Ok(())
}

/// Where there is no number up there it stays where it is.
fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    let half = limit().and_then(|limit| RawFd::try_from(limit / 2).ok());
    let lowest = LOWEST_NUMBER.min(half.unwrap_or(LOWEST_NUMBER)).max(3);
    fcntl_dupfd_cloexec(&fd, lowest).unwrap_or(fd)
}

/// How many descriptors there may be; `None` if a sandbox refuses to tell, for which rustix has no error.
#[allow(unsafe_code)]
fn limit() -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: It points to a place for the limits.
    let refused = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (refused == 0).then_some(limit.rlim_cur)
}

/// The flag belongs to the descriptor, not to the pipe: taken away in the forked child, it stays set in this process,
/// and no other child inherits the pipe.
///
/// Hooks of the command's own have run before. If one has closed the descriptor, or put another on its number, this
/// leaves alone what is there. It is no error: std would report it through a descriptor that may be closed as well, and
/// then aborts the child.
#[allow(unsafe_code)]
fn keep_in_child(command: &mut process::Command, write_end: OwnedFd, pipe: &Stat) {
    let (dev, ino) = (pipe.st_dev, pipe.st_ino);
    let clear_close_on_exec = move || {
        if fstat(&write_end).is_ok_and(|there| (there.st_dev, there.st_ino) == (dev, ino)) {
            let _ = fcntl_setfd(&write_end, FdFlags::empty());
        }
        Ok(())
    };
    // SAFETY: The closure makes two system calls, which are async-signal-safe. It neither allocates nor locks.
    unsafe {
        command.pre_exec(clear_close_on_exec);
    }
}

/// In a program that runs with closed stdio a new descriptor may get one of its numbers, which the child needs.
pub(super) fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    match fd.as_raw_fd() {
        0..=2 => Ok(fcntl_dupfd_cloexec(&fd, 3)?),
        _ => Ok(fd),
    }
}
