//! Other processes that the writer starts.

use std::{
    io,
    process::{Command, Stdio},
};

use rustix::io::{FdFlags, fcntl_setfd};

use crate::writer::Writer;

/// Forks a process that logs as well, with the state that it has from this one.
pub(crate) fn fork_and_log(writer: &mut Writer) -> io::Result<()> {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let logged = writer.after_fork();
            // SAFETY: the process ends here and shares nothing.
            unsafe { libc::_exit(i32::from(logged.is_err())) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is to an integer on the stack.
            match unsafe { libc::waitpid(child, &mut status, 0) } {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(()),
            }
        }
    }
}

/// Starts a process that has the pipe, for longer than this one lives.
pub(crate) fn start_a_sleeper(writer: &Writer) -> io::Result<()> {
    fcntl_setfd(writer.pipe(), FdFlags::empty())?;
    let mut sleeper = Command::new("sleep");
    sleeper
        .arg("1000")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    sleeper.spawn()?;
    fcntl_setfd(writer.pipe(), FdFlags::CLOEXEC)?;
    Ok(())
}
