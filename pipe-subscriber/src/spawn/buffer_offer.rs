//! Makes a shared buffer and offers it to a child.

use std::{io, os::fd::OwnedFd, process};

use rustix::io::fcntl_dupfd_cloexec;

use super::handover::{Via, pass_buffer};
use crate::read::Rings;

/// The descriptors that must be left for everything else that a spawn opens. Otherwise there is no buffer: without it, the
/// spawn may succeed.
const SPARE_DESCRIPTORS: usize = 8;

/// Makes the buffer that was asked for, if one was. Returns its descriptor too, which the child gets.
pub(super) fn make_buffer(bytes: usize) -> io::Result<Option<(Rings, OwnedFd)>> {
    if bytes == 0 {
        return Ok(None);
    }
    let mut rings = Rings::new(bytes)?;
    let fd = rings.take_fd().ok_or(io::ErrorKind::NotFound)?;
    let spares = (0..SPARE_DESCRIPTORS).map(|_| fcntl_dupfd_cloexec(&fd, 3));
    spares.collect::<Result<Vec<_>, _>>()?;
    Ok(Some((rings, fd)))
}

/// Makes the buffer, and hands it to the child, beside the pipe with this address.
pub(super) fn share_buffer(
    bytes: usize,
    command: &mut process::Command,
    via: Via,
    address: &str,
) -> io::Result<Option<Rings>> {
    if via == Via::Stdin && bytes > 0 {
        return Err(io::Error::other("Via::Stdin hands one descriptor over"));
    }
    let Some((rings, fd)) = make_buffer(bytes)? else {
        return Ok(None);
    };
    pass_buffer(command, fd, address)?;
    Ok(Some(rings))
}
