//! The interface of `pidfd` on systems other than Linux, which have no descriptors for processes.

use std::{io, os::fd::OwnedFd};

pub(crate) fn check_pidfd(_fd: &OwnedFd) -> io::Result<()> {
    Ok(())
}
