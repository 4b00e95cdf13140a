//! `Spawn::prepare`, for a child that is started by other means, and `Handover`, which such a child must be given.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use rustix::{fs::fstat, io::fcntl_dupfd_cloexec};

use super::buffer_offer::{Offered, make_buffer};
use super::builder::Spawn;
use super::filter::{FILTER_VARIABLE, child_filter};
use super::handover::{PIPE_VARIABLE, address, address_with_buffer};
use super::start::pipe_above_stdio;
use crate::read::ChildPipe;
use crate::subscriber::PipeSubscriber;

impl Spawn<()> {
    /// Creates a builder for a child that somebody else starts: `posix_spawn`, a sandbox such as bubblewrap, a process
    /// that forks on request, a service manager. [`at`](Self::at) makes the pipe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::{os::fd::OwnedFd, process::Command};
    /// use pipe_subscriber::Spawn;
    ///
    /// let (handover, mut logs) = Spawn::prepare().label("w1").filter("info").at(0)?;
    ///
    /// // The standard library stands for any other way to start a process.
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "test -p /dev/stdin && test -n \"$RECORD_PIPE\""]);
    /// command.envs(handover.envs());
    /// command.stdin(OwnedFd::from(handover)); // number 0 in the child
    /// let mut child = command.spawn()?;
    /// drop(command); // It owns the write end: without this line, the stream would not end.
    ///
    /// logs.watch_pid(child.id())?; // The grace period begins at the child's exit.
    /// logs.run().await?;
    /// assert!(child.wait()?.success());
    /// # Ok(()) }
    /// ```
    pub fn prepare() -> Self {
        Self::with_defaults(())
    }

    /// Makes the pipe of a child that will have the write end as its descriptor `number`.
    ///
    /// Whoever starts the child gives it the variables and the descriptor of the [`Handover`], and then drops the
    /// `Handover`. The number may be any that the child does not use otherwise. With 0, 1 or 2 the pipe takes the place
    /// of that standard stream, and `pipe-handler` puts the null device there.
    ///
    /// If a [buffer](Self::buffer) was asked for, the child will have it as its descriptor `number + 1`, or as 3 if that is
    /// 1 or 2. A child that does not get it uses the pipe. By default there is none, because it is a second descriptor that
    /// has to be handed over.
    ///
    /// [`PipeSubscriber::watch`] or [`watch_pid`](PipeSubscriber::watch_pid) names the child after its start. Without
    /// that, the [grace period](Self::grace) never begins: reading ends when no process holds the pipe any more.
    ///
    /// # Errors
    ///
    /// Returns an error if `number` is negative or 2,147,483,647, if the pipe cannot be made, or if an exit could not be watched: the
    /// limit of descriptors is reached, or the system refuses both a timer and a thread. In each case, this function
    /// leaves no descriptor open.
    pub fn at(self, number: RawFd) -> io::Result<(Handover, PipeSubscriber)> {
        if !(0..RawFd::MAX).contains(&number) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let numbers = [number, (number + 1).max(3)];
        let (read_end, write_end) = pipe_above_stdio()?;
        let write_end = not_at(&numbers, write_end)?;
        let settings = self.settings;
        let pipe = ChildPipe::new(read_end, settings.grace)?;

        let filter = child_filter(settings.filter.as_deref());
        let mut handover = Handover {
            number,
            envs: vec![
                (PIPE_VARIABLE.into(), address(number, &fstat(&write_end)?)),
                (FILTER_VARIABLE.into(), filter.clone()),
            ],
            write_end,
            buffer: None,
        };
        let rings = handover.add_buffer(settings.buffer.unwrap_or(0), numbers);
        let subscriber = settings.subscriber(pipe, &filter).with_rings(rings, true);
        Ok((handover, subscriber))
    }
}

/// The things that a child must be given so that it finds its pipe: environment variables and one descriptor, or two with
/// a [buffer](Self::buffer_fd).
///
/// [`Spawn::at`] returns it. It owns the write end of the pipe in this process, with the close-on-exec flag set, so that
/// no other child inherits it.
///
/// **Drop it after the start of the child.** As long as this process holds the write end, the stream does not end at the
/// child's exit: it ends a [grace period](Spawn::grace) later, as [held open](crate::StreamEnd::HeldOpen), if the
/// subscriber [watches](PipeSubscriber::watch) the child, and otherwise never.
///
/// # Starting a child
///
/// | the child is started by | what to do |
/// |---|---|
/// | `posix_spawn` | `adddup2` from [`as_raw_fd`](AsRawFd::as_raw_fd) to [`number`](Self::number) |
/// | `fork` and `exec` | the same with `dup2` in the child |
/// | the standard library | number 0, and `stdin(OwnedFd::from(handover))`; but [`Spawn::new`] does more |
/// | bubblewrap (`bwrap`) | as for the program itself: it passes on every descriptor that it inherits |
/// | a process that already runs | send it the descriptor over a Unix socket (`SCM_RIGHTS`), with the variables |
/// | Python's `subprocess` | `os.dup2(fd, number)`, then `pass_fds=[number]` and `env=` |
///
/// The descriptors' own numbers in this process are never [`number`](Self::number) or that of the buffer. So a `dup2` from one to the other
/// always makes a new descriptor, and clears its close-on-exec flag; a `dup2` of a descriptor onto itself does not.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::os::fd::AsRawFd;
/// use pipe_subscriber::Spawn;
///
/// let (handover, logs) = Spawn::prepare().filter("debug").at(7)?;
/// assert_eq!(handover.number(), 7);
/// assert_ne!(handover.as_raw_fd(), 7);
///
/// // For a launcher that takes its settings as arguments, as bubblewrap does.
/// let arguments: Vec<_> = handover.envs().flat_map(|(name, value)| ["--setenv", name, value]).collect();
/// assert_eq!(arguments[..2], ["--setenv", "RECORD_PIPE"]);
/// assert_eq!(arguments[3..], ["--setenv", "RECORD_PIPE_FILTER", "debug"]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a child finds its pipe only by these variables and this descriptor"]
pub struct Handover {
    write_end: OwnedFd,
    number: RawFd,
    /// The descriptor of the buffer, and the number that it must have in the child.
    buffer: Option<(OwnedFd, RawFd)>,
    envs: Vec<(String, String)>,
}

impl Handover {
    /// Returns the environment variables that the child must have, as names and values.
    pub fn envs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.envs.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the number that the descriptor must have in the child. It is part of the value of `RECORD_PIPE`.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// Returns the descriptor of the [buffer](Spawn::buffer), and the number that it must have in the child, if one was
    /// asked for and could be made. It is handed over as the write end is, and may be left away.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use pipe_subscriber::Spawn;
    ///
    /// let (handover, logs) = Spawn::prepare().buffer(1 << 20).at(7)?;
    /// if let Some((buffer, number)) = handover.buffer_fd() {
    ///     // posix_spawn's adddup2, dup2 after a fork, or SCM_RIGHTS
    ///     # let _ = buffer;
    ///     assert_eq!(number, 8);
    /// }
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "shared-buffer")]
    pub fn buffer_fd(&self) -> Option<(BorrowedFd<'_>, RawFd)> {
        let (fd, number) = self.buffer.as_ref()?;
        Some((fd.as_fd(), *number))
    }

    /// Adds a buffer, if one was asked for: the child will have the two descriptors at these numbers.
    fn add_buffer(&mut self, bytes: usize, numbers: [RawFd; 2]) -> Offered {
        let Some((rings, fd)) = make_buffer(bytes)? else {
            return Ok(None);
        };
        let fd = not_at(&numbers, fd)?;
        let address = &mut self.envs[0].1;
        *address = address_with_buffer(address, numbers[1], &fstat(&fd)?);
        self.buffer = Some((fd, numbers[1]));
        Ok(Some(rings))
    }
}

/// The write end of the pipe, with the number that it has in this process.
impl AsFd for Handover {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.write_end.as_fd()
    }
}

/// The number that the write end has in this process, which is another one than [`number`](Handover::number).
impl AsRawFd for Handover {
    fn as_raw_fd(&self) -> RawFd {
        self.write_end.as_raw_fd()
    }
}

/// Takes the descriptor, for interfaces that own it, such as `Stdio`. The variables, and the buffer's descriptor, are lost.
impl From<Handover> for OwnedFd {
    fn from(handover: Handover) -> Self {
        handover.write_end
    }
}

/// Moves a descriptor away from these numbers, if it has one of them.
fn not_at(numbers: &[RawFd], fd: OwnedFd) -> io::Result<OwnedFd> {
    match numbers.contains(&fd.as_raw_fd()) {
        // The new number is another one, because the old descriptor is still open.
        true => not_at(numbers, fcntl_dupfd_cloexec(&fd, 3)?),
        false => Ok(fd),
    }
}
