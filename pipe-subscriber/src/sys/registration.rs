use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
};

use tokio::io::{Interest, unix::AsyncFd};

/// A descriptor that nobody closes while it is registered.
pub(crate) trait Owned: AsRawFd {}

impl Owned for OwnedFd {}
impl Owned for Arc<OwnedFd> {}

/// Registers a descriptor with the runtime, for reading.
// It is deprecated because a type may lie about its descriptor. These do not, and the successor is unsafe and newer
// than the oldest tokio that will do.
#[allow(deprecated)]
pub(crate) fn register<T: Owned>(fd: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}
