use std::{
    os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use rustix::{
    fs::{FileType, Mode, OFlags},
    io::{Errno, FdFlags},
    stdio,
};

use crate::{InitError, env::Address};

static ADOPTED: AtomicBool = AtomicBool::new(false);

/// Takes over the pipe that the environment tells of.
///
/// It is taken only if it is certain that it is the parent's pipe: a variable outlives the descriptor that it names
/// (environments are inherited, descriptors are closed and numbers are given anew), and records must never end up in
/// somebody's file.
pub(crate) fn adopt() -> Result<OwnedFd, InitError> {
    let address = Address::from_env()?;
    if ADOPTED.load(Relaxed) {
        return Err(InitError::AlreadyAdopted);
    }
    check(address)?;
    if ADOPTED.swap(true, Relaxed) {
        return Err(InitError::AlreadyAdopted);
    }
    // SAFETY: the parent put this descriptor there for a handler, as its variable says and check() has confirmed;
    // ADOPTED lets one handler of this process have it.
    let fd = unsafe { OwnedFd::from_raw_fd(address.fd) };
    if address.fd > 2 {
        rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
        return Ok(fd);
    }
    leave_standard_stream(fd)
}

fn check(Address { fd, dev, ino }: Address) -> Result<(), InitError> {
    // SAFETY: fstat and F_GETFL are asked, and where the descriptor is closed they say so. Nothing is written.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let stat = match rustix::fs::fstat(borrowed) {
        Err(Errno::BADF) => return Err(InitError::Stale { fd }),
        stat => stat?,
    };
    let access = rustix::fs::fcntl_getfl(borrowed)? & OFlags::ACCMODE;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo || access == OFlags::RDONLY {
        return Err(InitError::Foreign { fd });
    }
    // The types of these numbers differ between systems.
    #[allow(clippy::unnecessary_cast)]
    if (stat.st_dev as u64, stat.st_ino as u64) != (dev, ino) {
        return Err(InitError::Stale { fd });
    }
    Ok(())
}

/// The pipe came as standard input (or output): it moves to a descriptor of its own, and in its place comes
/// /dev/null, so that the program finds an empty input instead of the pipe.
fn leave_standard_stream(fd: OwnedFd) -> Result<OwnedFd, InitError> {
    let own = rustix::io::fcntl_dupfd_cloexec(&fd, 3)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    replace(fd, null.as_fd())?;
    Ok(own)
}

fn replace(standard: OwnedFd, null: BorrowedFd<'_>) -> Result<(), Errno> {
    use std::os::fd::IntoRawFd;
    // Its number stays open, with something else behind it.
    match standard.into_raw_fd() {
        0 => stdio::dup2_stdin(null),
        1 => stdio::dup2_stdout(null),
        _ => stdio::dup2_stderr(null),
    }
}
