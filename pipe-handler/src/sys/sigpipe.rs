//! SIGPIPE, which by default kills a process that writes to a pipe nobody reads. Rust programs ignore it from the start;
//! others do not, and a program may change that at any time.

pub(crate) use system::{prepare, without};

#[cfg(not(any(target_vendor = "apple", target_os = "netbsd")))]
mod system {
    use std::{mem::MaybeUninit, os::fd::BorrowedFd, ptr};

    use rustix::io::Errno;

    use super::super::signal_mask::change_mask;

    pub(crate) fn prepare(_: BorrowedFd<'_>) {}

    /// Runs a write with the signal held back from this thread, which is who would get it, and takes back the one that
    /// the write raised.
    ///
    /// Two system calls beside the write: a write of 100 bytes that takes 135 ns takes 380 so, and 160 by pwritev2 with
    /// RWF_NOSIGNAL (`cargo test --release -p pipe-handler --lib what_a_write_costs -- --ignored --nocapture`).
    pub(crate) fn without<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let sigpipe = sigpipe();
        let before = change_mask(libc::SIG_BLOCK, &sigpipe);
        let was_blocked = contains_sigpipe(&before);
        // One that waits for the program is not ours to take.
        let is_ours = !was_blocked || !is_pending();
        let written = write();
        if is_ours && matches!(written, Err(Errno::PIPE)) {
            take(&sigpipe);
        }
        if !was_blocked {
            change_mask(libc::SIG_SETMASK, &before);
        }
        written
    }

    fn sigpipe() -> libc::sigset_t {
        let mut set = MaybeUninit::uninit();
        // SAFETY: it points to a place for a signal set, which this call fills in.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: filled in above.
        let mut set = unsafe { set.assume_init() };
        // SAFETY: the set is initialised and the signal exists.
        unsafe { libc::sigaddset(&mut set, libc::SIGPIPE) };
        set
    }

    fn contains_sigpipe(set: &libc::sigset_t) -> bool {
        // SAFETY: the set is initialised and the signal exists.
        unsafe { libc::sigismember(set, libc::SIGPIPE) == 1 }
    }

    fn is_pending() -> bool {
        let mut pending = sigpipe();
        // SAFETY: it points to a signal set, which this call overwrites.
        unsafe { libc::sigpending(&mut pending) };
        contains_sigpipe(&pending)
    }

    /// Takes a signal that is pending, and does not wait for one that is not.
    fn take(signal: &libc::sigset_t) {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the set and the time are initialised; where the signal came from is not asked.
        unsafe { libc::sigtimedwait(signal, ptr::null_mut(), &at_once) };
    }
}

/// Here the signal is sent to the whole process, so that a mask of one thread does not hold it back. But a description can
/// say that it wants none; that spares all who share it, and changes nothing else for them.
#[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
mod system {
    use std::os::fd::{AsRawFd, BorrowedFd};

    use rustix::io::Errno;

    pub(crate) fn prepare(fd: BorrowedFd<'_>) {
        // SAFETY: it sets a flag of an open descriptor and touches no memory.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETNOSIGPIPE, 1) };
    }

    pub(crate) fn without<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        write()
    }
}
