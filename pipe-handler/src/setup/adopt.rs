//! Takes over the pipe that `RECORD_PIPE` names: checks that the descriptor is that pipe, and moves it to a number of
//! the handler's own.

use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    sync::{Arc, Mutex},
};

use rustix::{
    fs::{FileType, Mode, OFlags},
    io::{Errno, fcntl_dupfd_cloexec},
    stdio,
};

use super::env;
use super::error::InitError;
use crate::transport::{Address, OwnFd, identity};

/// The lowest number for the handler's own descriptor; see [`duplicate`] for the exceptions.
///
/// Scripts and hooks that choose numbers choose low ones. The number is not much higher either, because the kernel's
/// descriptor table grows with the highest number in use.
const MIN_FD: RawFd = 100;

/// The state of the pipe that the environment names.
#[derive(Debug)]
enum Adoption {
    NotYet,
    Taken,
    /// A handler adopted the pipe, and then failed to start.
    Returned(Arc<OwnFd>),
}

static ADOPTION: Mutex<Adoption> = Mutex::new(Adoption::NotYet);

/// Takes over the pipe that the environment names and starts a handler on it. If the start fails, a later call gets the
/// pipe.
///
/// It is taken over only if it is certainly the parent's pipe. A variable outlives the descriptor that it names,
/// because environments are inherited while descriptors are closed and their numbers reused, and records must never be
/// written into another file.
pub(super) fn adopt<T>(
    start: impl FnOnce(Arc<OwnFd>) -> Result<T, InitError>,
) -> Result<T, InitError> {
    // The lock is held by another thread that adopts the pipe at this moment, or that did when this process was forked.
    let Ok(mut adoption) = ADOPTION.try_lock() else {
        return Err(InitError::AlreadyAdopted);
    };
    let end = match &*adoption {
        Adoption::Returned(end) if end.is_ours() => Arc::clone(end),
        Adoption::NotYet => Arc::new(OwnFd::new(take_over(env::pipe()?)?)),
        _ => {
            env::pipe()?;
            return Err(InitError::AlreadyAdopted);
        }
    };
    let started = start(Arc::clone(&end));
    *adoption = match started {
        Ok(_) => Adoption::Taken,
        Err(_) => Adoption::Returned(end),
    };
    started
}

/// Moves the pipe to a descriptor of the handler's own, and closes or replaces the descriptor that was given.
///
/// Another copy of this crate in the process, for example a plugin's, has an `ADOPTION` of its own. Both copies know
/// only the number, so the second one has to find it closed.
///
/// There is no lock between the last check and the close. If two copies start at the same moment, a file that a third
/// thread opens in between may be closed.
#[expect(
    unsafe_code,
    reason = "the environment names the descriptor by its number; fstat, F_GETFL, device and inode are checked before \
              anything is done to it"
)]
fn take_over(address: Address) -> Result<OwnedFd, InitError> {
    // SAFETY: the calls below do not change the descriptor, whatever it is, and return an error if it is closed.
    let given = unsafe { BorrowedFd::borrow_raw(address.fd) };
    // Checked before it is duplicated: to close a duplicate of another file would release this process's locks on that
    // file.
    verify(given, address)?;
    let own = duplicate(given)?;
    // Checked again: another thread may have closed or replaced it in between.
    verify(own.as_fd(), address)?;
    verify(given, address)?;
    if address.fd <= 2 {
        replace_standard_stream(address.fd)?;
        return Ok(own);
    }
    // Only close(2) reports whether another copy of the crate has closed the number before: the call then fails with
    // EBADF.
    // SAFETY: the parent opened the descriptor for a handler, and it is still that pipe, as checked above.
    let closed = unsafe { libc::close(address.fd) };
    if closed != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EBADF) {
        return Err(InitError::Stale { fd: address.fd });
    }
    Ok(own)
}

/// Checks that a descriptor is the pipe that `address` names, and that it can be written.
fn verify(fd: BorrowedFd<'_>, address: Address) -> Result<(), InitError> {
    let number = address.fd;
    let stat = match rustix::fs::fstat(fd) {
        Err(Errno::BADF) => return Err(InitError::Stale { fd: number }),
        stat => stat?,
    };
    let access = rustix::fs::fcntl_getfl(fd)? & OFlags::ACCMODE;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo || access == OFlags::RDONLY {
        return Err(InitError::Foreign { fd: number });
    }
    match identity(fd)? == (address.dev, address.ino) {
        true => Ok(()),
        false => Err(InitError::Stale { fd: number }),
    }
}

/// Duplicates the descriptor to the lowest free number from [`MIN_FD`], or from half of the process's descriptor limit
/// if that is lower. If no such number is free, to the lowest free one from 3.
fn duplicate(given: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let half_limit = descriptor_limit().and_then(|limit| RawFd::try_from(limit / 2).ok());
    let min = half_limit.map_or(MIN_FD, |half| half.clamp(3, MIN_FD));
    fcntl_dupfd_cloexec(given, min).or_else(|_| fcntl_dupfd_cloexec(given, 3))
}

/// Returns how many descriptors the process may have, or `None` if a sandbox refuses the call.
#[expect(
    unsafe_code,
    reason = "rustix returns no error if a sandbox refuses getrlimit, and takes its unset result for the limit"
)]
fn descriptor_limit() -> Option<libc::rlim_t> {
    // SAFETY: the limits are integers.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a variable that takes the limits.
    let refused = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (refused == 0).then_some(limit.rlim_cur)
}

/// Replaces a standard stream that the pipe came as.
///
/// It must not stay closed: the next file that the program opens would get its number.
fn replace_standard_stream(number: RawFd) -> Result<(), InitError> {
    let replacement = open_replacement(number, "/dev/null")?;
    match number {
        0 => stdio::dup2_stdin(replacement)?,
        1 => stdio::dup2_stdout(replacement)?,
        _ => stdio::dup2_stderr(replacement)?,
    }
    Ok(())
}

/// Opens the null device. In a chroot it may be missing, or may be an ordinary file; then something else takes its
/// place.
fn open_replacement(number: RawFd, null: &str) -> io::Result<OwnedFd> {
    let open = |path: &str, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    let is_device = |mode| FileType::from_raw_mode(mode).is_char_device();
    if let Ok(null) = open(null, OFlags::RDWR | OFlags::NOCTTY)
        && rustix::fs::fstat(&null).is_ok_and(|stat| is_device(stat.st_mode))
    {
        return Ok(null);
    }
    match number {
        // Reading it returns end of file, because its write end is closed.
        0 => Ok(io::pipe()?.0.into()),
        // A directory; writing to it fails.
        _ => Ok(open("/", OFlags::RDONLY | OFlags::DIRECTORY)?),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
        os::fd::{AsRawFd, IntoRawFd},
        sync::{Barrier, PoisonError},
        thread,
    };

    use super::*;

    /// The lowest number for descriptors of these tests; no other test of this process uses such numbers.
    const TEST_MIN_FD: RawFd = 600;

    /// Held by tests that close a number twice: the second close must not hit another test's pipe.
    static SERIAL: Mutex<()> = Mutex::new(());

    /// A pipe as a parent gives it, under a number that no Rust value owns.
    fn pipe_from_parent() -> (io::PipeReader, Address) {
        let (reader, writer) = io::pipe().unwrap();
        let (dev, ino) = identity(&writer).unwrap();
        let duplicate = fcntl_dupfd_cloexec(&writer, TEST_MIN_FD).unwrap();
        let fd = duplicate.into_raw_fd();
        (reader, Address { fd, dev, ino })
    }

    #[test]
    fn a_second_copy_finds_the_number_stale_and_the_first_keeps_the_pipe() {
        let _serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut reader, address) = pipe_from_parent();
        let own = take_over(address).unwrap();
        assert!(own.as_raw_fd() >= MIN_FD);
        let second = take_over(address).unwrap_err();
        assert!(matches!(second, InitError::Stale { fd } if fd == address.fd));
        File::from(own).write_all(b"x").unwrap();
        let mut written = Vec::new();
        reader.read_to_end(&mut written).unwrap();
        assert_eq!(written, b"x");
    }

    #[test]
    fn of_two_copies_that_adopt_at_once_one_gets_the_pipe() {
        let _serial = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..1_000 {
            let (_reader, address) = pipe_from_parent();
            let start = Barrier::new(2);
            let adopt = || {
                start.wait();
                take_over(address)
            };
            let results = thread::scope(|scope| {
                [scope.spawn(adopt), scope.spawn(adopt)].map(|thread| thread.join().unwrap())
            });
            let winners = results.iter().filter(|result| result.is_ok()).count();
            assert_eq!(winners, 1, "{results:?}");
        }
    }

    #[test]
    fn a_file_that_is_refused_keeps_its_locks() {
        let path = std::env::temp_dir().join(format!("pipe-handler-{}", std::process::id()));
        let file = File::create(&path).unwrap();
        let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        rustix::fs::fcntl_lock(&file, lock).unwrap();
        let (dev, ino) = identity(&file).unwrap();
        let fd = file.as_raw_fd();
        let refused = take_over(Address { fd, dev, ino }).unwrap_err();
        assert!(matches!(refused, InitError::Foreign { .. }));
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let own = format!(":{ino} ");
        assert!(locks.lines().any(|lock| lock.contains(&own)), "{locks}");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_null_device_something_else_replaces_it() {
        let mut byte = [0];
        // The second one exists, but is not a device.
        for null in ["/nonexistent", "/proc/self/status"] {
            let input = open_replacement(0, null).unwrap();
            assert_eq!(File::from(input).read(&mut byte).unwrap(), 0);
            for number in [1, 2] {
                let output = open_replacement(number, null).unwrap();
                let error = rustix::io::write(output, &byte).unwrap_err();
                assert_eq!(error, Errno::BADF);
            }
        }
    }
}
