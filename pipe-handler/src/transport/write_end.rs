use std::{
    mem::ManuallyDrop,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::address::Address;

/// A descriptor that the handler writes to and owns.
///
/// A program may close descriptors that are not its own, as daemons do, and open files under their numbers. Nothing may
/// be done to such a file: it is not written, not waited for, and not closed when the handler goes.
#[derive(Debug)]
pub(crate) struct WriteEnd {
    fd: ManuallyDrop<OwnedFd>,
    /// `None` if the system did not tell.
    identity: Option<(u64, u64)>,
}

impl WriteEnd {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            identity: identity(&fd).ok(),
            fd: ManuallyDrop::new(fd),
        }
    }

    /// Whether the number still means what it meant at first, as far as the system tells: a sandbox may refuse to.
    pub(crate) fn is_ours(&self) -> bool {
        match identity(self) {
            Ok(found) => self.identity.is_none_or(|identity| identity == found),
            Err(error) => error != Errno::BADF,
        }
    }

    /// What a child of this process must be told to find it.
    pub(crate) fn address(&self) -> Option<Address> {
        let (dev, ino) = self.identity.filter(|_| self.is_ours())?;
        let fd = self.fd.as_raw_fd();
        Some(Address { fd, dev, ino })
    }

    /// Keeps it from the programs that this process becomes or starts, or lets them have it.
    pub(crate) fn set_close_on_exec(&self, on: bool) -> Result<(), Errno> {
        if !self.is_ours() {
            return Ok(());
        }
        let flags = if on {
            FdFlags::CLOEXEC
        } else {
            FdFlags::empty()
        };
        fcntl_setfd(self, flags)
    }
}

impl AsFd for WriteEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: it is not used again, here least of all.
            unsafe { ManuallyDrop::drop(&mut self.fd) }
        }
    }
}

/// Device and inode, which tell a pipe from all others.
pub(crate) fn identity(fd: impl AsFd) -> Result<(u64, u64), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    // The types of these numbers differ between systems.
    #[allow(clippy::unnecessary_cast)]
    Ok((stat.st_dev as u64, stat.st_ino as u64))
}
