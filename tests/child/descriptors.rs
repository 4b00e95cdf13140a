//! Descriptors and their flags.

use std::{
    fs,
    io::{self, Write},
    os::fd::{AsRawFd, BorrowedFd, RawFd},
};

use pipe_handler::Overflow;
use rustix::{
    fs::FileType,
    io::{FdFlags, fcntl_getfd},
};

use crate::tools::{hear, init, init_with, pattern, pipe, pipe_number, say, settings};

/// Prints the pipe's flags before it is adopted and after everything that might change them.
pub(crate) fn flags() {
    let status = || rustix::fs::fcntl_getfl(pipe()).expect("F_GETFL");
    let close_on_exec = || {
        let flags = fcntl_getfd(pipe()).expect("F_GETFD");
        flags.contains(FdFlags::CLOEXEC)
    };
    let before = status();
    let given = !close_on_exec();
    let builder = settings().overflow(Overflow::DropNewest);
    let handler = init_with(builder);
    let closed = close_on_exec();
    while handler.counts().dropped < 100 {
        log::info!("{}", pattern(1_000, 0));
    }
    let mut command = std::process::Command::new("true");
    handler.share_with(&mut command).expect("a pipe to share");
    assert!(command.status().expect("true").success());
    say(&format!(
        "same status {}, given {given}, adopted {closed}, after sharing {}",
        before == status(),
        close_on_exec()
    ));
    hear();
}

/// Closes the descriptor that the handler uses.
pub(crate) fn bad_descriptor() {
    init();
    log::info!("before");
    // SAFETY: the handler reports an error, and nothing else is opened meanwhile.
    unsafe { libc::close(pipe_number()) };
    for n in 0..100 {
        log::info!("{}", pattern(n * 100, 0));
    }
    say("still here");
}

/// Closes the pipe before a command that shares it starts, and gives its number to a file that children inherit.
pub(crate) fn share_what_is_closed() {
    let ino = rustix::fs::fstat(pipe()).expect("fstat").st_ino;
    let handler = init_with(settings());
    let own = |fd: &RawFd| pipe_inode(*fd) == Some(ino);
    let own = open_descriptors().into_iter().rfind(own).expect("a pipe");
    let mut command = std::process::Command::new("true");
    handler.share_with(&mut command).expect("a pipe to share");
    let file = fs::File::open("/dev/null").expect("/dev/null");
    // SAFETY: the handler takes what it finds for an error or for its pipe, and here it is asked for neither.
    let put = unsafe { libc::dup2(file.as_raw_fd(), own) };
    assert_eq!(put, own);
    let status = command.status().expect("a status");
    drop(command);
    // SAFETY: it stays open.
    let there = unsafe { BorrowedFd::borrow_raw(own) };
    let inherited = !fcntl_getfd(there)
        .expect("F_GETFD")
        .contains(FdFlags::CLOEXEC);
    say(&format!("{status}, still inherited {inherited}"));
}

/// Prints the inode of its record pipe and those of its other pipes, without the standard streams.
pub(crate) fn pipes() {
    init();
    let own = pipe_number();
    let others: Vec<_> = open_descriptors()
        .into_iter()
        .filter(|&fd| fd > 2 && fd != own)
        .filter_map(pipe_inode)
        .map(|inode| inode.to_string())
        .collect();
    let own = pipe_inode(own).expect("a pipe");
    log::info!(own, others = others.join(" ").as_str(); "pipes");
}

/// Returns the numbers of this process's descriptors, without the one of the listing.
pub(crate) fn open_descriptors() -> Vec<RawFd> {
    let numbers: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .expect("a list of descriptors")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    // SAFETY: a closed descriptor is an error and no harm.
    let is_open = |&fd: &RawFd| fcntl_getfd(unsafe { BorrowedFd::borrow_raw(fd) }).is_ok();
    numbers.into_iter().filter(is_open).collect()
}

pub(crate) fn pipe_inode(fd: RawFd) -> Option<u64> {
    // SAFETY: a closed descriptor is an error and no harm.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(fd) }).ok()?;
    let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
    is_pipe.then_some(stat.st_ino)
}

/// A program without a handler: copies its stdin into the pipe.
pub(crate) fn copy_stdin_to_the_pipe() {
    io::copy(&mut io::stdin().lock(), &mut Pipe).expect("a reader");
}

/// Writes this many MiB of fragments of a thousand records at a time, none of which is ever finished.
pub(crate) fn write_unfinished_records(mebibytes: usize) {
    let piece = [0; 32 * 1024];
    for n in 0..mebibytes * 32 {
        let (stream, index) = (n as u64 % 1_000, n as u64 / 1_000);
        let mut payload = vec![2, 0x95, 42];
        for number in [stream, index] {
            payload.push(0xcf);
            payload.extend(number.to_be_bytes());
        }
        payload.extend([0xc2, 0xc5, 0x80, 0]);
        payload.extend(piece);
        let length = u32::try_from(payload.len()).expect("small");
        Pipe.write_all(&length.to_be_bytes()).expect("a reader");
        Pipe.write_all(&payload).expect("a reader");
    }
}

/// The record pipe, written to without a buffer.
struct Pipe;

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(pipe(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
