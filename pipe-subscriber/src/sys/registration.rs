//! The registration of a descriptor with the runtime.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    sync::Arc,
};

use tokio::io::{Interest, unix::AsyncFd};

/// An owner of a descriptor: the descriptor stays open and the same for as long as the value lives.
pub(crate) trait OwnsFd: AsRawFd {}

impl OwnsFd for OwnedFd {}
impl OwnsFd for Arc<OwnedFd> {}

/// Registers a descriptor with the current runtime, for reading.
// Not `expect`: the oldest supported tokio does not deprecate this function.
#[allow(
    deprecated,
    reason = "deprecated because a type may return another descriptor each time, which an OwnsFd does not; the \
              successor is unsafe and missing from the oldest supported tokio"
)]
pub(crate) fn register<T: OwnsFd>(fd: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}
