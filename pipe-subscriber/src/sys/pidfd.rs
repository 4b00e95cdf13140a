//! The check that a descriptor is that of a process.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::{Errno, retry_on_intr},
    process::{WaitId, WaitIdOptions, waitid},
};

/// Returns an error if this is the descriptor of something else. If the system does not say, there is no error.
pub(crate) fn check_pidfd(fd: &OwnedFd) -> io::Result<()> {
    // Leaves the exit status to whoever waits for the process. ECHILD is the answer for another process's child.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    match retry_on_intr(|| waitid(WaitId::PidFd(fd.as_fd()), options)) {
        Err(Errno::BADF) => Err(Errno::BADF.into()),
        _ => Ok(()),
    }
}
