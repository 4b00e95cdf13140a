use std::{fmt, os::fd::RawFd};

/// The number of the buffer's descriptor, and the device, inode and size by which the buffer is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BufferAddress {
    pub(crate) fd: RawFd,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) size: u64,
}

/// Formats it as the last parts of the value of `RECORD_PIPE`.
impl fmt::Display for BufferAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}:{}:{}:{}", self.fd, self.dev, self.ino, self.size)
    }
}
