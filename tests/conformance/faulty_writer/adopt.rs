//! How the writer finds its pipe, and what it leaves out of that.

use std::{
    env,
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use rustix::{
    fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
    stdio::dup2_stdin,
};

use crate::Fault;

/// Returns the pipe and the numbers of the buffer, or nothing if there is no pipe that may be used.
pub(crate) fn adopt(fault: Fault) -> io::Result<Option<(File, Vec<u64>)>> {
    let variable = match env::var("RECORD_PIPE") {
        Err(_) if fault == Fault::NeedsVariable => {
            return Err(io::Error::other("RECORD_PIPE is not set"));
        }
        Err(_) => return Ok(None),
        Ok(variable) => variable,
    };
    let numbers: Vec<u64> = variable
        .split(':')
        .skip(1)
        .map(|number| number.parse().unwrap_or(u64::MAX))
        .collect();
    let [number, dev, ino, buffer @ ..] = &numbers[..] else {
        return Ok(None);
    };
    let number = *number as RawFd;
    if number == 0 && fault == Fault::Refuses0 {
        return Ok(None);
    }
    if !is_pipe(number, *dev, *ino, fault) {
        return Ok(None);
    }
    // SAFETY: the parent has handed this descriptor over, and nothing else uses it. With a fault it may be closed; then
    // the first call fails.
    let pipe = claim(unsafe { OwnedFd::from_raw_fd(number) }, fault)?;
    Ok(Some((pipe, buffer.to_vec())))
}

/// Returns whether the descriptor is that of the variable. Each fault leaves one check out.
fn is_pipe(number: RawFd, dev: u64, ino: u64, fault: Fault) -> bool {
    if fault == Fault::TrustsNumber {
        return true;
    }
    // SAFETY: it is used for two calls, which fail if it is closed.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let Ok(file) = fstat(fd) else { return false };
    let is_fifo = FileType::from_raw_mode(file.st_mode) == FileType::Fifo;
    let is_writable = fcntl_getfl(fd).is_ok_and(|flags| flags & OFlags::RWMODE != OFlags::RDONLY);
    let is_same = (file.st_dev, file.st_ino) == (dev, ino);
    (is_fifo || fault == Fault::NoFifoCheck)
        && (is_writable || fault == Fault::NoModeCheck)
        && (is_same || fault == Fault::NoInodeCheck)
}

fn claim(given: OwnedFd, fault: Fault) -> io::Result<File> {
    let number = given.as_raw_fd();
    if fault == Fault::Reopens {
        // As runtimes without fcntl do.
        let path = format!("/proc/self/fd/{number}");
        return File::options().write(true).open(path);
    }
    let pipe = fcntl_dupfd_cloexec(&given, 100)?;
    if number == 0 && fault != Fault::Closes0 {
        dup2_stdin(File::open("/dev/null")?)?;
        std::mem::forget(given);
    }
    if fault == Fault::Inherits {
        fcntl_setfd(&pipe, FdFlags::empty())?;
    }
    if matches!(fault, Fault::NonBlocking | Fault::DiesWhenFull) {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
    }
    Ok(pipe.into())
}
