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

use super::overflow::{Deadline, pause};
use super::own_fd::OwnFd;
use super::written::Written;
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
    pub(crate) end: Arc<OwnFd>,
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
                // On a pipe a partial write of so few bytes does not happen. If it did, the reader could not find the
                // next frame, so the pipe is given up.
                Ok(_) | Err(Errno::PIPE | Errno::BADF | Errno::AGAIN) => return Written::Gone,
                // Older kernels and sandboxes use all kinds of errors for a flag or a call that they do not support, so
                // every error counts that is not about the pipe itself.
                Err(_) if self.fall_back(&attempt) => {}
                Err(_) => return Written::Gone,
            }
        }
    }

    /// Returns whether the pipe has a reader; `None` if the descriptor is not the pipe any more. If the system refuses
    /// to tell, it has one: a parent must not be taken for gone because it is slow.
    pub(crate) fn has_reader(&self) -> Option<bool> {
        if !self.end.is_ours() {
            return None;
        }
        let found = poll_once(&self.end, PollFlags::empty(), Duration::ZERO);
        Some(!found.is_ok_and(|found| found.contains(PollFlags::ERR)))
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
        Attempt {
            end,
            no_signal: !self.block_sigpipe.load(Relaxed),
            no_wait,
            poll_first,
        }
    }

    /// Remembers that the kernel has refused a flag, so that the next attempt does without it. Returns `false` if the
    /// write had no flags.
    fn fall_back(&self, refused: &Attempt<'_>) -> bool {
        if refused.no_signal {
            self.block_sigpipe.store(true, Relaxed);
        } else if refused.no_wait && !self.is_reopening.swap(true, Relaxed) {
            let _only_once = self.reopened.set(reopen(&self.end));
        }
        refused.has_flags()
    }
}

/// One way to write. Its flags belong to the call, because other processes share those of the description.
struct Attempt<'a> {
    end: &'a OwnFd,
    /// The write must not raise SIGPIPE.
    no_signal: bool,
    /// The write must not wait for room.
    no_wait: bool,
    /// Whether to poll for room first. Another writer may take that room before the write, which then waits.
    ///
    /// For a write that must not wait, if the kernel has no such writes and the pipe could not be reopened (after
    /// setuid, for example).
    poll_first: bool,
}

impl Attempt<'_> {
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let poll = || poll_once(self.end, PollFlags::OUT, Duration::ZERO);
        if self.poll_first && !poll().is_ok_and(|found| !found.is_empty()) {
            return Err(Errno::AGAIN);
        }
        match self.no_signal {
            true => self.call(bytes),
            false => sigpipe::without(|| self.call(bytes)),
        }
    }

    fn has_flags(&self) -> bool {
        self.no_signal || self.no_wait
    }

    /// Writes with these flags. Without flags this is a plain write(2), which the oldest kernels and the strictest
    /// sandboxes allow.
    fn call(&self, bytes: &[u8]) -> Result<usize, Errno> {
        #[cfg(target_os = "linux")]
        if self.has_flags() {
            use rustix::io::{ReadWriteFlags, pwritev2};

            /// From Linux 6.18 (include/uapi/linux/fs.h); rustix has no name for it yet.
            const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);
            /// pwritev2's offset for "at the current position".
            const CURRENT: u64 = u64::MAX;

            let mut flags = ReadWriteFlags::empty();
            flags.set(NOSIGNAL, self.no_signal);
            flags.set(ReadWriteFlags::NOWAIT, self.no_wait);
            return pwritev2(self.end, &[std::io::IoSlice::new(bytes)], CURRENT, flags);
        }
        // Android's sandboxes kill a process that calls pwritev2, and other systems do not have it.
        #[cfg(not(target_os = "linux"))]
        if self.has_flags() {
            return Err(Errno::NOSYS);
        }
        rustix::io::write(self.end, bytes)
    }
}

/// Waits until a frame fits or the reader is gone, at most for `left`.
fn wait_for_room(end: &OwnFd, left: Duration) {
    let waited = poll_once(end, PollFlags::OUT, left);
    if waited.is_err_and(|error| error != Errno::INTR) {
        pause(REFUSED_PAUSE.min(left));
    }
}

/// Waits at most for `wait` until one of the flags holds, and returns those that do.
fn poll_once(end: &OwnFd, flags: PollFlags, wait: Duration) -> Result<PollFlags, Errno> {
    let mut fds = [PollFd::new(end, flags)];
    // A time that the system cannot represent is unlimited.
    poll(&mut fds, Timespec::try_from(wait).ok().as_ref())?;
    Ok(fds[0].revents())
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

#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "the tests raise signals and replace descriptors"
)]
mod tests;
