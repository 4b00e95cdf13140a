use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    fs::{FileType, Mode, OFlags},
    io::{Errno, fcntl_dupfd_cloexec},
    stdio,
};

use super::env;
use super::error::InitError;
use crate::transport::{Address, WriteEnd, identity};

/// The handler's own descriptor has this number or a higher one. Scripts and hooks that choose numbers choose low ones,
/// and the kernel's table grows with the highest.
const LEAST: RawFd = 100;

/// What became of the pipe that the environment tells of.
#[derive(Debug)]
enum Adoption {
    NotYet,
    Taken,
    /// By a handler that did not come to be.
    Returned(Arc<WriteEnd>),
}

static ADOPTION: Mutex<Adoption> = Mutex::new(Adoption::NotYet);

/// Takes over the pipe that the environment tells of and starts a handler on it. If that fails, the next one finds it.
///
/// It is taken only if it is certain that it is the parent's pipe: a variable outlives the descriptor that it names
/// (environments are inherited, descriptors are closed and numbers are given anew), and records must never end up in
/// somebody's file.
pub(crate) fn adopt<T>(
    start: impl FnOnce(Arc<WriteEnd>) -> Result<T, InitError>,
) -> Result<T, InitError> {
    let end = take()?;
    let started = start(Arc::clone(&end));
    if started.is_err() {
        *ADOPTION.lock().unwrap_or_else(PoisonError::into_inner) = Adoption::Returned(end);
    }
    started
}

fn take() -> Result<Arc<WriteEnd>, InitError> {
    // Locked by another thread that takes it right now, or that did when this process was forked.
    let Ok(mut given) = ADOPTION.try_lock() else {
        return Err(InitError::AlreadyAdopted);
    };
    match mem::replace(&mut *given, Adoption::Taken) {
        Adoption::Returned(end) if end.is_ours() => Ok(end),
        Adoption::Returned(_) | Adoption::Taken => {
            env::pipe()?;
            Err(InitError::AlreadyAdopted)
        }
        Adoption::NotYet => {
            let taken = env::pipe().and_then(take_over);
            if taken.is_err() {
                *given = Adoption::NotYet;
            }
            Ok(Arc::new(WriteEnd::new(taken?)))
        }
    }
}

/// Moves the pipe to a descriptor of the handler's own, and makes the number that was given mean it no more.
///
/// Another copy of this crate, as a plugin has it, has a `ADOPTION` of its own. The number is what both know: whoever comes
/// second finds it closed. (Between the last look and the close nothing can be held: a file that a third thread
/// opens in that moment may be closed when two copies begin in the same moment.)
fn take_over(address: Address) -> Result<OwnedFd, InitError> {
    // SAFETY: what it is asked is harmless for any descriptor, and a closed one is an error.
    let given = unsafe { BorrowedFd::borrow_raw(address.fd) };
    // Before it is duplicated: closing a duplicate of somebody's file would release that process's locks on it.
    check(given, address)?;
    let own = duplicate(given)?;
    // Again: another thread may have closed or replaced it in between.
    check(own.as_fd(), address)?;
    check(given, address)?;
    match address.fd {
        0..=2 => replace(address.fd)?,
        _ => close(address.fd)?,
    }
    Ok(own)
}

fn check(fd: BorrowedFd<'_>, address: Address) -> Result<(), InitError> {
    let number = address.fd;
    let stat = match rustix::fs::fstat(fd) {
        Err(Errno::BADF) => return Err(InitError::Stale { fd: number }),
        stat => stat?,
    };
    let access = rustix::fs::fcntl_getfl(fd)? & OFlags::ACCMODE;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Fifo || access == OFlags::RDONLY {
        return Err(InitError::Foreign { fd: number });
    }
    if identity(fd)? != (address.dev, address.ino) {
        return Err(InitError::Stale { fd: number });
    }
    Ok(())
}

fn duplicate(given: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let half = limit().and_then(|limit| RawFd::try_from(limit / 2).ok());
    let least = half.map_or(LEAST, |half| half.clamp(3, LEAST));
    // A low number is better than none.
    fcntl_dupfd_cloexec(given, least).or_else(|_| fcntl_dupfd_cloexec(given, 3))
}

/// How many descriptors there may be; `None` if a sandbox refuses to tell, for which rustix has no error.
fn limit() -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it points to a place for the limits.
    let refused = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (refused == 0).then_some(limit.rlim_cur)
}

fn close(number: RawFd) -> Result<(), InitError> {
    // SAFETY: the parent put the descriptor there for a handler, and it is still what was put there. If it is closed by
    // now another copy was first, and the system says so.
    let closed = unsafe { libc::close(number) };
    if closed != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EBADF) {
        return Err(InitError::Stale { fd: number });
    }
    Ok(())
}

/// The pipe came as standard input (or output): the program finds an empty one in its place, and never a closed one,
/// whose number would be the next file's.
fn replace(standard: RawFd) -> Result<(), InitError> {
    let other = stand_in(standard, "/dev/null")?;
    match standard {
        0 => stdio::dup2_stdin(other)?,
        1 => stdio::dup2_stdout(other)?,
        _ => stdio::dup2_stderr(other)?,
    }
    Ok(())
}

/// In a chroot there may be no /dev/null, or a file that somebody has written.
fn stand_in(standard: RawFd, null: &str) -> io::Result<OwnedFd> {
    let open = |path: &str, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    let is_device = |fd: &OwnedFd| {
        let stat = rustix::fs::fstat(fd);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_char_device())
    };
    match open(null, OFlags::RDWR | OFlags::NOCTTY)
        .ok()
        .filter(is_device)
    {
        Some(null) => Ok(null),
        // Reads as empty: nobody has its write end.
        None if standard == 0 => Ok(io::pipe()?.0.into()),
        // Refuses to be written.
        None => Ok(open("/", OFlags::RDONLY | OFlags::DIRECTORY)?),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{Read, Write},
        os::fd::{AsRawFd, IntoRawFd},
        sync::Barrier,
        thread,
    };

    use super::*;

    /// Numbers that no other test of this process is given.
    const OUT_OF_THE_WAY: RawFd = 600;

    /// Held while a number is given: what closes it twice must not find another test's pipe there.
    static TURN: Mutex<()> = Mutex::new(());

    /// A pipe as a parent gives it, under a number that nobody owns any more.
    fn given() -> (io::PipeReader, Address) {
        let (reader, writer) = io::pipe().unwrap();
        let (dev, ino) = identity(&writer).unwrap();
        let given = fcntl_dupfd_cloexec(&writer, OUT_OF_THE_WAY).unwrap();
        let fd = given.into_raw_fd();
        (reader, Address { fd, dev, ino })
    }

    #[test]
    fn a_second_copy_finds_the_number_stale_and_the_pipe_is_the_firsts() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut reader, address) = given();
        let own = take_over(address).unwrap();
        assert!(own.as_raw_fd() >= LEAST);
        let second = take_over(address).unwrap_err();
        assert!(matches!(second, InitError::Stale { fd } if fd == address.fd));
        File::from(own).write_all(b"x").unwrap();
        let mut written = Vec::new();
        reader.read_to_end(&mut written).unwrap();
        assert_eq!(written, b"x");
    }

    #[test]
    fn of_copies_that_adopt_at_once_one_has_the_pipe() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..1_000 {
            let (_reader, address) = given();
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
    fn a_file_that_is_looked_at_keeps_its_locks() {
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
    fn without_a_null_device_something_else_stands_in() {
        let mut byte = [0];
        // A file of that name is none either.
        for null in ["/nonexistent", "/proc/self/status"] {
            let input = stand_in(0, null).unwrap();
            assert_eq!(File::from(input).read(&mut byte).unwrap(), 0);
            for standard in [1, 2] {
                let output = stand_in(standard, null).unwrap();
                let error = rustix::io::write(output, &byte).unwrap_err();
                assert_eq!(error, Errno::BADF);
            }
        }
    }
}
