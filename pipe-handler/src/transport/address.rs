//! Pipe and buffer as `RECORD_PIPE` names them.

use std::{fmt, os::fd::RawFd};

/// The number of a descriptor, and the device and inode by which its file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) fd: RawFd,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

/// The shared buffer beside the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BufferAddress {
    pub(crate) file: Address,
    /// In bytes.
    pub(crate) size: u64,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.fd, self.dev, self.ino)
    }
}
