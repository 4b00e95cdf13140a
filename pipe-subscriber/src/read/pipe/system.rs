//! The calls that look at a pipe and read it, without waiting.

use std::{io, os::fd::OwnedFd};

use rustix::io::{ioctl_fionread, read, retry_on_intr};
use tokio::io::ReadBuf;

/// Returns how many bytes are in the pipe.
pub(super) fn available(fd: &OwnedFd) -> io::Result<usize> {
    Ok(usize::try_from(ioctl_fionread(fd)?).unwrap_or(usize::MAX))
}

/// Reads as many bytes as the buffer has room for. Returns `None` if the pipe is empty, and 0 at the end of file.
#[expect(
    unsafe_code,
    reason = "rustix fills uninitialised memory safely, but tokio's ReadBuf hands it out and takes it back through \
              unsafe methods only; the safe ones would zero, or copy, each buffer first"
)]
pub(super) fn read_into(fd: &OwnedFd, buf: &mut ReadBuf<'_>) -> io::Result<Option<usize>> {
    // SAFETY: Only the system writes to this memory, and it never makes an initialised byte uninitialised.
    let room = unsafe { buf.unfilled_mut() };
    let bytes = match retry_on_intr(|| read(fd, &mut *room).map(|(filled, _)| filled.len())) {
        Ok(bytes) => bytes,
        Err(error) => {
            let error = io::Error::from(error);
            return match error.kind() {
                io::ErrorKind::WouldBlock => Ok(None),
                _ => Err(error),
            };
        }
    };
    // SAFETY: The system has written this many bytes.
    unsafe { buf.assume_init(bytes) };
    buf.advance(bytes);
    Ok(Some(bytes))
}
