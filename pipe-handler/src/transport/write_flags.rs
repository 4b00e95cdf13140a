//! One write to the pipe, with flags that the kernel may refuse.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

/// Restrictions of one write. They belong to the call, because other processes share the flags of the description.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WriteFlags {
    /// The write must not raise SIGPIPE.
    pub(crate) no_signal: bool,
    /// The write must not wait for room.
    pub(crate) no_wait: bool,
}

impl WriteFlags {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

#[cfg(target_os = "linux")]
impl WriteFlags {
    /// Writes with these flags. Without flags this is a plain write(2), which the oldest kernels and the strictest
    /// sandboxes allow.
    pub(crate) fn write(self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        use rustix::io::{ReadWriteFlags, pwritev2};

        /// From Linux 6.18 (include/uapi/linux/fs.h); rustix has no name for it yet.
        const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
        /// pwritev2's offset for "at the current position".
        const CURRENT: u64 = u64::MAX;

        if self.is_empty() {
            return rustix::io::write(fd, bytes);
        }
        let mut flags = ReadWriteFlags::empty();
        flags.set(NOSIGNAL, self.no_signal);
        flags.set(ReadWriteFlags::NOWAIT, self.no_wait);
        pwritev2(fd, &[std::io::IoSlice::new(bytes)], CURRENT, flags)
    }
}

/// Android's sandboxes kill a process that calls pwritev2, and other systems do not have it.
#[cfg(not(target_os = "linux"))]
impl WriteFlags {
    pub(crate) fn write(self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        match self.is_empty() {
            true => rustix::io::write(fd, bytes),
            false => Err(Errno::NOSYS),
        }
    }
}
