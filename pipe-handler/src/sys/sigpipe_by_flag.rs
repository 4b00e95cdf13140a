//! SIGPIPE on Apple's systems and NetBSD.
//!
//! On these systems the signal goes to the whole process, so the mask of one thread does not hold it back. Instead, a
//! flag of the open file description turns it off. This affects everybody who shares the description, and changes
//! nothing else for them.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

#[expect(
    unsafe_code,
    reason = "F_SETNOSIGPIPE has no safe wrapper in std or rustix"
)]
pub(crate) fn prepare(fd: BorrowedFd<'_>) {
    // SAFETY: the call sets a flag of an open descriptor and touches no memory.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETNOSIGPIPE, 1) };
}

pub(crate) fn without<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    write()
}

#[cfg(test)]
pub(crate) use without as while_blocked;
