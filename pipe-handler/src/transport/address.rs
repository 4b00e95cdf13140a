use std::{fmt, os::fd::RawFd};

/// The number of the pipe's descriptor, and the device and inode by which the pipe is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) fd: RawFd,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

/// Formats it as the value of `RECORD_PIPE`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1:{}:{}:{}", self.fd, self.dev, self.ino)
    }
}
