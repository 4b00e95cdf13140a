//! Makes a shared buffer and offers it to a child.

use std::{io, os::fd::OwnedFd, process};

use rustix::io::fcntl_dupfd_cloexec;

use super::handover::{Via, pass_buffer};
use crate::read::Rings;

/// The descriptors that must be left for everything else that a spawn opens. Otherwise there is no buffer: without it, the
/// spawn may succeed.
const SPARE_DESCRIPTORS: usize = 8;

/// The length of all rings together, unless [`Spawn::buffer`](super::Spawn::buffer) was called.
const DEFAULT_BYTES: usize = 8 << 20;

/// What became of a child's buffer; an error is why there is none, although there should be one.
pub(super) type Offered = io::Result<Option<Rings>>;

/// Makes the buffer that was asked for, or one of the default length, and hands it to the child, beside the pipe with
/// this address.
pub(super) fn offer_buffer(
    asked_for: Option<usize>,
    command: &mut process::Command,
    via: Via,
    address: &str,
) -> Offered {
    let offered = match via {
        Via::Fd => share_buffer(asked_for.unwrap_or(DEFAULT_BYTES), command, address),
        Via::Stdin if asked_for.unwrap_or(0) == 0 => Ok(None),
        Via::Stdin => Err(io::Error::other("Via::Stdin hands one descriptor over")),
    };
    match offered {
        // The program did not ask for a buffer: it need not know that this system has none.
        Err(error) if asked_for.is_none() && error.kind() == io::ErrorKind::Unsupported => Ok(None),
        offered => offered,
    }
}

/// Makes a buffer, unless `bytes` is 0. Returns its descriptor too, which the child gets.
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

fn share_buffer(bytes: usize, command: &mut process::Command, address: &str) -> Offered {
    let Some((rings, fd)) = make_buffer(bytes)? else {
        return Ok(None);
    };
    pass_buffer(command, fd, address)?;
    Ok(Some(rings))
}
