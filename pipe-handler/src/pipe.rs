#[cfg(feature = "buffered")]
use std::os::fd::RawFd;
use std::{
    io::IoSlice,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::{Errno, FdFlags, ReadWriteFlags, pwritev2},
};

use crate::{env::Address, overflow::Patience, signal};

/// The longest write that the system keeps in one piece among all writers of a pipe; 4096 bytes on Linux.
pub(crate) const PIPE_BUF: usize = rustix::pipe::PIPE_BUF;

/// From Linux 6.18 a write can say that it wants no SIGPIPE (include/uapi/linux/fs.h); rustix has no name for it yet.
const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// pwritev2's offset for "at the current position".
const CURRENT: u64 = u64::MAX;

/// The write end. Written by any number of threads at once, without a lock: what is written has at most
/// [`PIPE_BUF`] bytes and is put into the pipe in one piece or not at all.
///
/// Its description may be shared with other processes, so none of its flags is ever changed; what a write must not do
/// (wait, raise a signal) is said with that write.
#[derive(Debug)]
pub(crate) struct Pipe {
    fd: OwnedFd,
    /// SIGPIPE was not ignored when the handler started.
    signals: bool,
    /// The kernel does not know [`NOSIGNAL`].
    mask: AtomicBool,
    /// The kernel has no writes that do not wait: this description of our own is non-blocking instead.
    reopened: OnceLock<Option<OwnedFd>>,
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
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            signals: !signal::is_ignored(),
            mask: AtomicBool::new(false),
            reopened: OnceLock::new(),
        }
    }

    /// Writes at most [`PIPE_BUF`] bytes.
    pub(crate) fn write(&self, bytes: &[u8], patience: &mut Patience) -> Written {
        debug_assert!(bytes.len() <= PIPE_BUF);
        loop {
            let written = match patience.is_endless() {
                true => self.write_waiting(bytes),
                false => self.write_at_once(bytes),
            };
            match written {
                Ok(length) if length == bytes.len() => return Written::Whole,
                Err(Errno::INTR) => {}
                // Also where somebody made the shared description non-blocking.
                Err(Errno::AGAIN) => match patience.left() {
                    Some(left) => self.wait_for_room(left),
                    None => return Written::Full,
                },
                // A part of a frame would leave the stream out of step; on a pipe it does not happen.
                Ok(_) | Err(_) => return Written::Gone,
            }
        }
    }

    /// What a child of this process must be told to find the pipe.
    pub(crate) fn address(&self) -> Result<Address, Errno> {
        let stat = rustix::fs::fstat(&self.fd)?;
        // The types of these numbers differ between systems.
        #[allow(clippy::unnecessary_cast)]
        Ok(Address {
            fd: self.fd.as_raw_fd(),
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
        })
    }

    #[cfg(feature = "buffered")]
    pub(crate) fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Keeps the pipe from the children of this process.
    pub(crate) fn close_on_exec(&self) {
        // Nothing can be done where it fails, and it does not for a descriptor that is open.
        let _ = rustix::io::fcntl_setfd(&self.fd, FdFlags::CLOEXEC);
    }

    fn write_waiting(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.signals {
            false => rustix::io::write(&self.fd, bytes),
            true => self.write_quietly(self.fd.as_fd(), bytes, ReadWriteFlags::empty()),
        }
    }

    fn write_at_once(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if let Some(reopened) = self.reopened.get() {
            return self.write_reopened(reopened.as_ref(), bytes);
        }
        let written = match self.signals {
            false => {
                let bytes = [IoSlice::new(bytes)];
                pwritev2(&self.fd, &bytes, CURRENT, ReadWriteFlags::NOWAIT)
            }
            true => self.write_quietly(self.fd.as_fd(), bytes, ReadWriteFlags::NOWAIT),
        };
        if !is_unsupported(&written) {
            return written;
        }
        let reopened = self.reopened.get_or_init(|| self.reopen());
        self.write_reopened(reopened.as_ref(), bytes)
    }

    /// Before Linux 6.4: through a description of our own. Where the system refuses one (after setuid, say), asking
    /// for room and then writing is what is left, and another writer may take the room in between.
    fn write_reopened(&self, reopened: Option<&OwnedFd>, bytes: &[u8]) -> Result<usize, Errno> {
        let fd = match reopened {
            Some(fd) => fd,
            None if !self.has_room(Some(Duration::ZERO)) => return Err(Errno::AGAIN),
            None => &self.fd,
        };
        match self.signals {
            false => rustix::io::write(fd, bytes),
            true => signal::masked(|| rustix::io::write(fd, bytes)),
        }
    }

    fn reopen(&self) -> Option<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).ok()
    }

    /// Writes without SIGPIPE.
    fn write_quietly(
        &self,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
        flags: ReadWriteFlags,
    ) -> Result<usize, Errno> {
        let slice = [IoSlice::new(bytes)];
        if !self.mask.load(Relaxed) {
            let written = pwritev2(fd, &slice, CURRENT, flags | NOSIGNAL);
            if !is_unsupported(&written) {
                return written;
            }
            self.mask.store(true, Relaxed);
        }
        signal::masked(|| match flags.is_empty() {
            true => rustix::io::write(fd, bytes),
            false => pwritev2(fd, &slice, CURRENT, flags),
        })
    }

    fn wait_for_room(&self, left: Duration) {
        self.has_room((left != Duration::MAX).then_some(left));
    }

    /// Whether a frame fits or the reader is gone; `None` waits without end.
    fn has_room(&self, wait: Option<Duration>) -> bool {
        let wait = wait.map(|wait| Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        matches!(poll(&mut fds, wait.as_ref()), Ok(ready) if ready > 0)
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What older kernels, and sandboxes that filter system calls, answer to a flag or a call that they do not have.
fn is_unsupported(written: &Result<usize, Errno>) -> bool {
    matches!(
        written,
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM)
    )
}

#[cfg(test)]
mod tests {
    use std::{
        io::{PipeReader, Read},
        sync::{Mutex, MutexGuard, PoisonError},
    };

    use super::*;
    use crate::Overflow;

    /// One test changes what SIGPIPE does to the whole process.
    static TURN: Mutex<()> = Mutex::new(());

    fn turn() -> MutexGuard<'static, ()> {
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pipe() -> (PipeReader, Pipe) {
        let (reader, writer) = std::io::pipe().unwrap();
        (reader, Pipe::new(writer.into()))
    }

    fn now_or_never() -> Patience {
        Patience::new(Overflow::DropNewest)
    }

    /// Fills the pipe with frames of the largest size; returns how many fitted.
    fn fill(pipe: &Pipe) -> usize {
        let frame = [7; PIPE_BUF];
        std::iter::repeat_with(|| pipe.write(&frame, &mut now_or_never()))
            .take_while(|&written| written == Written::Whole)
            .count()
    }

    fn fills_drains_and_fills_again(pipe: &Pipe, mut reader: PipeReader) {
        let fitted = fill(pipe);
        assert!(fitted > 0);
        assert_eq!(pipe.write(b"x", &mut now_or_never()), Written::Full);
        let flags = rustix::fs::fcntl_getfl(&pipe.fd).unwrap();
        assert!(
            !flags.contains(OFlags::NONBLOCK),
            "the shared description was changed"
        );

        reader.read_exact(&mut vec![0; fitted * PIPE_BUF]).unwrap();
        assert_eq!(pipe.write(b"x", &mut now_or_never()), Written::Whole);
        drop(reader);
        assert_eq!(pipe.write(b"x", &mut now_or_never()), Written::Gone);
        assert_eq!(
            pipe.write(b"x", &mut Patience::new(Overflow::Block)),
            Written::Gone
        );
    }

    #[test]
    fn a_full_pipe_is_found_full_without_waiting() {
        let _turn = turn();
        let (reader, pipe) = pipe();
        fills_drains_and_fills_again(&pipe, reader);
    }

    #[test]
    fn without_nowait_a_reopened_description_is_used() {
        let _turn = turn();
        let (reader, pipe) = pipe();
        pipe.reopened.set(Some(pipe.reopen().unwrap())).unwrap();
        fills_drains_and_fills_again(&pipe, reader);
    }

    #[test]
    fn without_nowait_and_reopening_room_is_asked_for_first() {
        let _turn = turn();
        let (reader, pipe) = pipe();
        pipe.reopened.set(None).unwrap();
        fills_drains_and_fills_again(&pipe, reader);
    }

    #[test]
    fn a_wait_for_room_ends() {
        let _turn = turn();
        let (_reader, pipe) = pipe();
        fill(&pipe);
        let mut patience = Patience::new(Overflow::BlockFor(Duration::from_millis(1)));
        assert_eq!(pipe.write(b"x", &mut patience), Written::Full);
    }

    #[test]
    fn with_sigpipe_at_its_default_the_process_lives_on() {
        let _turn = turn();
        // SAFETY: the default action is no code of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        for mask in [false, true] {
            let (reader, pipe) = pipe();
            assert!(pipe.signals);
            pipe.mask.store(mask, Relaxed);
            assert_eq!(
                pipe.write(b"x", &mut Patience::new(Overflow::Block)),
                Written::Whole
            );
            fill(&pipe);
            drop(reader);
            assert_eq!(pipe.write(b"x", &mut now_or_never()), Written::Gone);
            assert_eq!(
                pipe.write(b"x", &mut Patience::new(Overflow::Block)),
                Written::Gone
            );
        }
        // SAFETY: ignoring is no code of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    }
}
