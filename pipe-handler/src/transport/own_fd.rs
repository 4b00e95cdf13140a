//! `OwnFd`: a descriptor of the handler, and the check that its number still means the same file.

use std::{
    mem::ManuallyDrop,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use rustix::io::{Errno, FdFlags, fcntl_setfd};

use super::address::Address;

/// The descriptor of the pipe or of the shared buffer, which the handler owns.
///
/// A program may close descriptors that it does not own, as daemons do, and open other files under their numbers.
/// Nothing must be done to such a file: the handler does not wait for it and does not close it when it is dropped. With
/// [`check_before_each_write`](crate::Builder::check_before_each_write), it does not write to it either.
#[derive(Debug)]
pub(crate) struct OwnFd {
    fd: ManuallyDrop<OwnedFd>,
    /// Device and inode; `None` if the system did not return them.
    identity: Option<(u64, u64)>,
}

impl OwnFd {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            identity: identity(&fd).ok(),
            fd: ManuallyDrop::new(fd),
        }
    }

    /// Whether the number still means the same file as at first. Also `true` if that cannot be found out, because a
    /// sandbox refuses fstat.
    pub(crate) fn is_ours(&self) -> bool {
        match identity(self) {
            Ok(found) => self.identity.is_none_or(|identity| identity == found),
            Err(error) => error != Errno::BADF,
        }
    }

    /// Returns number, device and inode; `None` if the number means another file.
    pub(crate) fn address(&self) -> Option<Address> {
        let (dev, ino) = self.identity.filter(|_| self.is_ours())?;
        let fd = self.fd.as_raw_fd();
        Some(Address { fd, dev, ino })
    }

    /// Sets whether the descriptor is closed by an exec.
    pub(crate) fn set_close_on_exec(&self, on: bool) {
        let mut flags = FdFlags::empty();
        flags.set(FdFlags::CLOEXEC, on);
        if self.is_ours() {
            // It does not fail for a descriptor that is open, and nothing could be done about a failure.
            let _set = fcntl_setfd(self, flags);
        }
    }
}

impl AsFd for OwnFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[expect(
    unsafe_code,
    reason = "the descriptor is closed only if its number still means this file; OwnedFd would always close it"
)]
impl Drop for OwnFd {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: this is the only place that drops it, and the field is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.fd) }
        }
    }
}

/// Returns device and inode, which distinguish a pipe or a buffer from all others.
pub(crate) fn identity(fd: impl AsFd) -> Result<(u64, u64), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    // The types of these numbers differ between systems.
    #[allow(clippy::unnecessary_cast)]
    Ok((stat.st_dev as u64, stat.st_ino as u64))
}
