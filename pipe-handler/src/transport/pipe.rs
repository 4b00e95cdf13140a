//! The write to the pipe, the wait for room in it, and the fallbacks for older kernels and for sandboxes.

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
use super::own_fd::OwnFd;
use super::write_flags::WriteFlags;
use crate::sys::sigpipe;

/// The longest write that is atomic: the system keeps it in one piece among all writers of a pipe. 4096 bytes on Linux.
pub(crate) const PIPE_BUF: usize = rustix::pipe::PIPE_BUF;

/// How long to wait before repeating a write if poll(2) is refused: by a sandbox, or by a descriptor limit of 0.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// The write end of the pipe.
///
/// Any number of threads write to it at once, without a lock: each write has at most [`PIPE_BUF`] bytes, and the system
/// puts it into the pipe in one piece or not at all.
///
/// Other processes may share the open file description, so O_NONBLOCK is never set on it. Instead, each write has flags
/// that keep it from waiting or from raising a signal.
#[derive(Debug)]
pub(crate) struct Pipe {
    end: Arc<OwnFd>,
    /// Whether the descriptor is checked before each write, and not only after a write that failed.
    check_before_write: bool,
    /// Set once the kernel has refused writes that raise no signal. From then on the thread blocks SIGPIPE during a
    /// write, unless the program ignores it.
    ///
    /// Relaxed: a thread that misses it makes a write that the kernel refuses once more, and sets it again.
    block_sigpipe: AtomicBool,
    /// Set once the kernel has refused writes that do not wait: an open file description of the handler's own, which is
    /// non-blocking, or `None` if it cannot be opened.
    reopened: OnceLock<Option<OwnFd>>,
    /// Set by the one thread that fills `reopened`. No other one waits for it: after a fork it may not exist.
    is_reopening: AtomicBool,
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything is in the pipe or in a ring, and stays there even if this process is killed.
    Whole,
    /// There was no room before the deadline. Nothing was written.
    Full,
    /// The pipe has no reader, or the descriptor is gone. No write will ever succeed.
    Gone,
}

impl Pipe {
    pub(crate) fn new(end: Arc<OwnFd>, check_before_write: bool) -> Self {
        sigpipe::prepare(end.as_fd());
        Self {
            end,
            check_before_write,
            block_sigpipe: AtomicBool::new(false),
            reopened: OnceLock::new(),
            is_reopening: AtomicBool::new(false),
        }
    }

    /// Writes at most [`PIPE_BUF`] bytes, and waits for room until the deadline.
    pub(crate) fn write(&self, bytes: &[u8], deadline: &mut Deadline) -> Written {
        debug_assert!(bytes.len() <= PIPE_BUF);
        let mut may_skip_check = !self.check_before_write;
        loop {
            let attempt = self.attempt(deadline.is_unlimited());
            let end = attempt.end;
            // A write that failed may have failed because the number means another file by now.
            if !mem::replace(&mut may_skip_check, false) && !end.is_ours() {
                return Written::Gone;
            }
            match attempt.write(bytes) {
                Ok(length) if length == bytes.len() => return Written::Whole,
                Err(Errno::INTR) => {}
                // A blocking write gets this too if another process made the shared description non-blocking.
                Err(Errno::AGAIN) if end.is_ours() => match deadline.remaining() {
                    Some(left) => wait_for_room(end, left),
                    None => return Written::Full,
                },
                Err(error) if is_unsupported(error) && self.fall_back(attempt.flags) => {}
                // On a pipe a partial write of so few bytes does not happen. If it did, the reader could not find the
                // next frame, so the pipe is given up.
                Ok(_) | Err(_) => return Written::Gone,
            }
        }
    }

    /// Whether the descriptor still is the pipe.
    pub(crate) fn is_ours(&self) -> bool {
        self.end.is_ours()
    }

    /// Returns whether the pipe has a reader; `None` if the descriptor is not the pipe any more. If the system refuses
    /// to tell, it has one: a parent must not be taken for gone because it is slow.
    pub(crate) fn has_reader(&self) -> Option<bool> {
        if !self.is_ours() {
            return None;
        }
        let mut fds = [PollFd::new(&*self.end, PollFlags::empty())];
        let no_time = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let polled = poll(&mut fds, Some(&no_time));
        Some(polled.is_err() || !fds[0].revents().contains(PollFlags::ERR))
    }

    /// Returns the address for a child of this process; `None` if the descriptor is not the pipe any more.
    pub(crate) fn address(&self) -> Option<Address> {
        self.end.address()
    }

    /// Sets whether the descriptor is closed in programs that this process starts.
    pub(crate) fn set_close_on_exec(&self, on: bool) -> Result<(), Errno> {
        self.end.set_close_on_exec(on)
    }

    /// Chooses how to write, from the deadline and from the flags that the kernel has refused so far.
    fn attempt(&self, may_wait: bool) -> Attempt<'_> {
        let (end, no_wait, poll_first) = match self.reopened.get() {
            _ if may_wait => (&*self.end, false, false),
            // Relaxed: as for `block_sigpipe`.
            None if self.is_reopening.load(Relaxed) => (&*self.end, false, true),
            None => (&*self.end, true, false),
            Some(Some(reopened)) => (reopened, false, false),
            Some(None) => (&*self.end, false, true),
        };
        let no_signal = !self.block_sigpipe.load(Relaxed);
        let flags = WriteFlags { no_signal, no_wait };
        Attempt {
            end,
            flags,
            poll_first,
        }
    }

    /// Remembers that the kernel has refused a flag, so that the next attempt does without it. Returns `false` if the
    /// write had no flags.
    fn fall_back(&self, flags: WriteFlags) -> bool {
        if flags.no_signal {
            self.block_sigpipe.store(true, Relaxed);
        } else if flags.no_wait && !self.is_reopening.swap(true, Relaxed) {
            let _only_once = self.reopened.set(reopen(&self.end));
        }
        !flags.is_empty()
    }
}

/// One way to write.
struct Attempt<'a> {
    end: &'a OwnFd,
    flags: WriteFlags,
    /// Whether to poll for room first. Another writer may take that room before the write, which then waits.
    ///
    /// For a write that must not wait, if the kernel has no such writes and the pipe could not be reopened (after
    /// setuid, for example).
    poll_first: bool,
}

impl Attempt<'_> {
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if self.poll_first && poll_room(self.end, Some(Duration::ZERO)) != Ok(true) {
            return Err(Errno::AGAIN);
        }
        match self.flags.no_signal {
            true => self.flags.write(self.end.as_fd(), bytes),
            false => sigpipe::without(|| self.flags.write(self.end.as_fd(), bytes)),
        }
    }
}

fn wait_for_room(end: &OwnFd, left: Duration) {
    let waited = poll_room(end, (left != Duration::MAX).then_some(left));
    if waited.is_err_and(|error| error != Errno::INTR) {
        pause(REFUSED_PAUSE.min(left));
    }
}

/// Waits until a frame fits or the reader is gone, for at most `wait`; `None` is unlimited. Returns `false` at the end
/// of the wait.
fn poll_room(end: &OwnFd, wait: Option<Duration>) -> Result<bool, Errno> {
    let wait = wait.map(|wait| Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    });
    let mut fds = [PollFd::new(end, PollFlags::OUT)];
    Ok(poll(&mut fds, wait.as_ref())? > 0)
}

/// Opens the pipe again for an open file description of the handler's own, which does not wait. Needed before Linux
/// 6.4.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn reopen(end: &OwnFd) -> Option<OwnFd> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{Mode, OFlags};

    let path = format!("/proc/self/fd/{}", end.as_fd().as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let reopened = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    Some(OwnFd::new(reopened))
}

/// On other systems, opening the path of a descriptor duplicates it, and the open file description stays the same.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reopen(_: &OwnFd) -> Option<OwnFd> {
    None
}

/// Whether an error may mean that a flag or a call is not supported.
///
/// Older kernels and sandboxes use all kinds of errors for that, so every error counts that is not about the pipe
/// itself.
fn is_unsupported(error: Errno) -> bool {
    !matches!(error, Errno::PIPE | Errno::BADF | Errno::AGAIN)
}

#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "the tests raise signals and replace descriptors"
)]
mod tests;
