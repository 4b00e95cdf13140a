//! The standard streams as this process inherited them. They differ from those of the standard library in two ways.
//!
//! A stream in non-blocking mode is waited for. The mode is left as it is, because it belongs to the open file, which a
//! shell, ssh or node may share. A stream that was closed is an error: the standard library opens /dev/null in its place
//! before `main`, and everything printed there is lost silently.

use std::{
    fmt::Display,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    pin::Pin,
    process::exit,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
    task::{Context, Poll},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags, open},
    io::{Errno, fcntl_getfd, read, write},
    stdio,
};
use tokio::io::{AsyncRead, ReadBuf};

use super::before_main::before_main;

/// A file whose reads and writes wait until they can go on, even if the file is in non-blocking mode.
#[derive(Debug)]
pub(crate) struct Blocking<F>(pub(crate) F);

/// Returns a standard stream for reading or writing.
///
/// # Errors
///
/// If the stream was closed when this process started.
pub(crate) fn unless_closed(
    stream: BorrowedFd<'static>,
) -> io::Result<Blocking<BorrowedFd<'static>>> {
    // Relaxed: the bits are stored before `main`, when there is no other thread.
    match CLOSED.load(Relaxed) & 1 << stream.as_raw_fd() {
        0 => Ok(Blocking(stream)),
        _ => Err(Errno::BADF.into()),
    }
}

/// Prints a line on standard error and ignores a failure.
pub(crate) fn eprint_line(line: impl Display) {
    let _nobody_reads = try_eprint_line(line);
}

/// Prints a line on standard error in one write, so that output of other processes does not come in between.
pub(crate) fn try_eprint_line(line: impl Display) -> io::Result<()> {
    Blocking(stdio::stderr()).write_all(format!("{line}\n").as_bytes())
}

impl<F: AsFd> Write for Blocking<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        retry_when_ready(&self.0, PollFlags::OUT, || write(&self.0, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: AsFd> Read for Blocking<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry_when_ready(&self.0, PollFlags::IN, || read(&self.0, &mut *buffer))
    }
}

/// Blocks the thread, so it suits only a program that does nothing else meanwhile. tokio would read a file on another
/// thread, and starting one may fail.
impl<F: AsFd + Unpin> AsyncRead for Blocking<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.read(buf.initialize_unfilled())?;
        buf.advance(length);
        Poll::Ready(Ok(()))
    }
}

fn retry_when_ready<T>(
    file: &impl AsFd,
    ready: PollFlags,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> io::Result<T> {
    loop {
        match attempt() {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => match poll(&mut [PollFd::new(file, ready)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            done => return Ok(done?),
        }
    }
}

/// The standard streams that were closed when this process started, one bit for each descriptor.
static CLOSED: AtomicU8 = AtomicU8::new(0);

before_main!({
    for stream in [stdio::stdin(), stdio::stdout(), stdio::stderr()] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            CLOSED.fetch_or(1 << stream.as_raw_fd(), Relaxed);
        }
    }
    // Without /dev/null the standard library aborts the process and prints nothing.
    if CLOSED.load(Relaxed) != 0
        && let Err(error) = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
    {
        let program = env!("CARGO_CRATE_NAME");
        eprint_line(format_args!(
            "{program}: a standard stream is closed, and /dev/null cannot stand in for it: {error}"
        ));
        exit(125);
    }
});
