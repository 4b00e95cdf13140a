#[cfg(feature = "buffered")]
use std::os::fd::{AsRawFd, RawFd};
use std::{
    mem,
    os::fd::AsFd,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::address::Address;
use super::overflow::{Deadline, pause};
use super::write_end::WriteEnd;
use super::write_flags::WriteFlags;
use crate::sys::sigpipe;

/// The longest write that the system keeps in one piece among all writers of a pipe; 4096 bytes on Linux.
pub(crate) const PIPE_BUF: usize = rustix::pipe::PIPE_BUF;

/// How long to wait before a write is tried again if the system refuses to tell of room: a sandbox, or a limit of no
/// descriptors at all.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// The write end. Written by any number of threads at once, without a lock: what is written has at most
/// [`PIPE_BUF`] bytes and is put into the pipe in one piece or not at all.
///
/// Its description may be shared with other processes, so O_NONBLOCK is never set on it; what a write must not do (wait,
/// raise a signal) is said with that write.
#[derive(Debug)]
pub(crate) struct Pipe {
    end: Arc<WriteEnd>,
    /// Whether the descriptor is looked at before each write, not only after one that failed.
    check: bool,
    /// The kernel has no writes that raise no signal: it is held back from the thread instead.
    mask: AtomicBool,
    /// The kernel has no writes that do not wait: this description of our own is non-blocking instead.
    reopened: OnceLock<Option<WriteEnd>>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is in the pipe, and stays there whatever becomes of this process.
    Whole,
    /// There was no room for as long as the caller could wait.
    Full,
    /// Nobody reads, or the descriptor is gone: it never will be written.
    Gone,
}

impl Pipe {
    pub(crate) fn new(end: Arc<WriteEnd>, check: bool) -> Self {
        sigpipe::prepare(end.as_fd());
        Self {
            end,
            check,
            mask: AtomicBool::new(false),
            reopened: OnceLock::new(),
        }
    }

    /// Writes at most [`PIPE_BUF`] bytes.
    pub(crate) fn write(&self, bytes: &[u8], deadline: &mut Deadline) -> Written {
        debug_assert!(bytes.len() <= PIPE_BUF);
        let mut is_known = !self.check;
        loop {
            let attempt = self.attempt(deadline.is_endless());
            let end = attempt.end;
            // What was refused was perhaps refused because the number means something else by now.
            if !mem::replace(&mut is_known, false) && !end.is_ours() {
                return Written::Gone;
            }
            match attempt.write(bytes) {
                Ok(length) if length == bytes.len() => return Written::Whole,
                Err(Errno::INTR) => {}
                // Also if somebody made the shared description non-blocking.
                Err(Errno::AGAIN) if end.is_ours() => match deadline.remaining() {
                    Some(left) => wait_for_room(end, left),
                    None => return Written::Full,
                },
                Err(error) if is_unsupported(error) && self.do_without(attempt.flags) => {}
                // A part of a frame would leave the stream out of step; on a pipe it does not happen.
                Ok(_) | Err(_) => return Written::Gone,
            }
        }
    }

    /// What a child of this process must be told to find the pipe; `None` if it is not there any more.
    pub(crate) fn address(&self) -> Option<Address> {
        self.end.address()
    }

    #[cfg(feature = "buffered")]
    pub(crate) fn number(&self) -> RawFd {
        self.end.as_fd().as_raw_fd()
    }

    /// Keeps the pipe from the programs that this process starts, or lets them have it.
    pub(crate) fn set_close_on_exec(&self, on: bool) -> Result<(), Errno> {
        self.end.set_close_on_exec(on)
    }

    fn attempt(&self, may_wait: bool) -> Attempt<'_> {
        let (end, no_wait, asks) = match self.reopened.get() {
            _ if may_wait => (&*self.end, false, false),
            None => (&*self.end, true, false),
            Some(Some(reopened)) => (reopened, false, false),
            Some(None) => (&*self.end, false, true),
        };
        let no_signal = !self.mask.load(Relaxed);
        let flags = WriteFlags { no_signal, no_wait };
        Attempt { end, flags, asks }
    }

    /// Leaves off what the kernel has refused; `false` if nothing was asked of it.
    fn do_without(&self, flags: WriteFlags) -> bool {
        if flags.no_signal {
            self.mask.store(true, Relaxed);
        } else if flags.no_wait {
            self.reopened.get_or_init(|| reopen(&self.end));
        }
        !flags.is_empty()
    }
}

/// One way to write.
struct Attempt<'a> {
    end: &'a WriteEnd,
    flags: WriteFlags,
    /// Room is asked for first, and another writer may take it in between: for a write that must not wait, if the system
    /// has no such writes and gives us no description of our own (after setuid, say).
    asks: bool,
}

impl Attempt<'_> {
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if self.asks && poll_room(self.end, Some(Duration::ZERO)) != Ok(true) {
            return Err(Errno::AGAIN);
        }
        match self.flags.no_signal {
            true => self.flags.write(self.end.as_fd(), bytes),
            false => sigpipe::without(|| self.flags.write(self.end.as_fd(), bytes)),
        }
    }
}

fn wait_for_room(end: &WriteEnd, left: Duration) {
    let waited = poll_room(end, (left != Duration::MAX).then_some(left));
    if waited.is_err_and(|error| error != Errno::INTR) {
        pause(REFUSED_PAUSE.min(left));
    }
}

/// Whether a frame fits or the reader is gone; `None` waits without end.
fn poll_room(end: &WriteEnd, wait: Option<Duration>) -> Result<bool, Errno> {
    let wait = wait.map(|wait| Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    });
    let mut fds = [PollFd::new(end, PollFlags::OUT)];
    Ok(poll(&mut fds, wait.as_ref())? > 0)
}

/// Before Linux 6.4: a description of our own, which does not wait.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn reopen(end: &WriteEnd) -> Option<WriteEnd> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{Mode, OFlags};

    let path = format!("/proc/self/fd/{}", end.as_fd().as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let reopened = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    Some(WriteEnd::new(reopened))
}

/// Heap opening a descriptor's path duplicates it, and the description is the same.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reopen(_: &WriteEnd) -> Option<WriteEnd> {
    None
}

/// What is not said of the pipe is said of a flag or a call: by older kernels, and by sandboxes that filter system calls,
/// with any error that they like.
fn is_unsupported(error: Errno) -> bool {
    !matches!(error, Errno::PIPE | Errno::BADF | Errno::AGAIN)
}

#[cfg(test)]
mod tests;
