//! The standard streams as this process was given them, which is not as the standard library shows them.
//!
//! A stream that does not block is waited for. Whether it blocks belongs to the open file, which a shell, ssh or node may
//! share: so it is left as it is. And one that was closed is an error: the standard library puts /dev/null in its place
//! before `main`, where everything that is printed is lost without a word.

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

/// A file that is waited for if it does not block.
#[derive(Debug)]
pub(crate) struct Patient<F>(pub(crate) F);

/// A standard stream.
///
/// # Errors
///
/// If it was closed when this process started.
pub(crate) fn given(stream: BorrowedFd<'static>) -> io::Result<Patient<BorrowedFd<'static>>> {
    match CLOSED.load(Relaxed) & 1 << stream.as_raw_fd() {
        0 => Ok(Patient(stream)),
        _ => Err(Errno::BADF.into()),
    }
}

/// A line on standard error, whether anybody reads it or not.
pub(crate) fn say(line: impl Display) {
    let _nobody_reads = try_to_say(line);
}

/// A line on standard error, in one write: nothing of another process comes between.
pub(crate) fn try_to_say(line: impl Display) -> io::Result<()> {
    Patient(stdio::stderr()).write_all(format!("{line}\n").as_bytes())
}

impl<F: AsFd> Write for Patient<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        patiently(&self.0, PollFlags::OUT, || write(&self.0, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: AsFd> Read for Patient<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        patiently(&self.0, PollFlags::IN, || read(&self.0, &mut *buffer))
    }
}

/// Waits on the spot: for a program that does nothing else meanwhile. A file cannot be waited for in another way, and a
/// thread that does it may not be had.
impl<F: AsFd + Unpin> AsyncRead for Patient<F> {
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

fn patiently<T>(
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

/// A bit for each standard stream that was closed when this process started.
static CLOSED: AtomicU8 = AtomicU8::new(0);

before_main!({
    for stream in [stdio::stdin(), stdio::stdout(), stdio::stderr()] {
        if fcntl_getfd(stream) == Err(Errno::BADF) {
            CLOSED.fetch_or(1 << stream.as_raw_fd(), Relaxed);
        }
    }
    // The standard library would end the process without a word.
    if CLOSED.load(Relaxed) != 0
        && let Err(error) = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
    {
        let program = env!("CARGO_CRATE_NAME");
        say(format_args!(
            "{program}: a standard stream is closed, and /dev/null cannot stand in for it: {error}"
        ));
        exit(125);
    }
});
