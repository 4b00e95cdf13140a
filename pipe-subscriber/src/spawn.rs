use std::{
    env, io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{self, Stdio},
    time::Duration,
};

use rustix::{
    fs::{Stat, fstat},
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
};

use crate::{ChildPipe, LabelIn, PipeSubscriber, SpawnCommand};

/// Where the child finds its write end.
const PIPE_VARIABLE: &str = "RECORD_PIPE";

/// What the child should log.
const FILTER_VARIABLE: &str = "RECORD_PIPE_FILTER";

/// Scripts and hooks put descriptors of their own on low numbers, over whatever is there. From here on they seldom do. It
/// is not more, because a child's table of descriptors grows with the highest.
const LOWEST_NUMBER: RawFd = 100;

/// How long a child's pipe is read after the child's exit while another process holds it, unless told otherwise.
const DEFAULT_GRACE: Duration = Duration::from_secs(2);

/// Starts a child with a record pipe: [`Spawn`] with its defaults.
///
/// # Errors
///
/// Where the pipe cannot be made or the command cannot be started.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tokio::process::Command;
///
/// let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
/// let status = logs.run_until(child.wait()).await?;
/// let summary = logs.run().await?;
/// # assert_eq!(summary.received, 0);
/// # Ok(()) }
/// ```
pub fn spawn<C: SpawnCommand>(command: C) -> io::Result<(C::Child, PipeSubscriber)> {
    Spawn::new(command).spawn()
}

/// Starts a child with a record pipe.
///
/// The command is taken and dropped, so that no write end of the pipe stays behind in this process: the stream ends
/// when the child does. Nothing of it is changed but the environment variables `RECORD_PIPE` and `RECORD_PIPE_FILTER`
/// and what [`Via`] needs: a pre-exec hook or the stdin.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::Spawn;
/// use tokio::process::Command;
///
/// let mut command = Command::new("sh");
/// command.args(["-c", "test -n \"$RECORD_PIPE\" && test \"$RECORD_PIPE_FILTER\" = debug"]);
/// let (mut child, logs) = Spawn::new(command).label("w1").filter("debug").spawn()?;
///
/// logs.run().await?;
/// assert!(child.wait().await?.success());
/// # Ok(()) }
/// ```
///
/// # Programs between
///
#[doc = include_str!("../BETWEEN.md")]
#[derive(Debug)]
#[must_use = "starts nothing until spawn()"]
pub struct Spawn<C> {
    command: C,
    label: Option<String>,
    label_in: LabelIn,
    filter: Option<String>,
    via: Via,
    grace: Duration,
}

/// How a child gets the write end of its pipe.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use pipe_subscriber::{Spawn, Via};
///
/// let mut command = std::process::Command::new("sh");
/// command.args(["-c", "case $RECORD_PIPE in v1:0:*) ;; *) exit 1;; esac"]);
/// let (mut child, logs) = Spawn::new(command).via(Via::Stdin).spawn()?;
///
/// logs.run_on_thread()?.join().unwrap().unwrap();
/// assert!(child.wait()?.success());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Via {
    /// As a descriptor of its own, under the number that it has in the parent: between fork and exec its close-on-exec
    /// flag is taken away, in the child only. The default.
    ///
    /// The number is the lowest free one from 100, which the redirections of scripts and descriptors that are passed by
    /// number leave alone; with a limit of fewer than 200 descriptors from half of it, and where that half is full any.
    /// A hook of the command's own ([`pre_exec`](CommandExt::pre_exec)) that closes it or puts another descriptor on
    /// its number costs the child its pipe and nothing else.
    ///
    /// A program that does not know the pipe keeps it open and hands it to its own children.
    #[default]
    Fd,
    /// As its stdin, in place of what the command had there. The standard library can then start it without a fork,
    /// which is faster under a parent with much memory, and it passes [programs](Spawn#programs-between) that close
    /// every other descriptor.
    Stdin,
}

impl<C: SpawnCommand> Spawn<C> {
    /// Starts `command`.
    pub fn new(command: C) -> Self {
        Self {
            command,
            label: None,
            label_in: LabelIn::default(),
            filter: None,
            via: Via::default(),
            grace: DEFAULT_GRACE,
        }
    }

    /// Sets the name by which the parent knows this child; see [`PipeSubscriber::label`].
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets where a logger sees the label; see [`PipeSubscriber::label_in`].
    pub fn label_in(mut self, place: LabelIn) -> Self {
        self.label_in = place;
        self
    }

    /// Sets what the child should log: a level or directives such as `info,worker::db=debug`.
    ///
    /// It goes into the child's environment at the spawn, before it is known how the records will be read. By default it is
    /// the level of this process, [`log::max_level`], for all targets: the most verbose one that its logger lets through
    /// anywhere. In a program without a logger that is off, and the child sends nothing; the [`Summary`](crate::Summary) says
    /// so. [`run_with`](PipeSubscriber::run_with) and [`records`](PipeSubscriber::records) need no logger: set a filter for
    /// them.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Takes the filter from an environment variable of this process, so that a child logs by the same directives as its
    /// parent. Of env_logger's form, the search after a slash is left off. If the variable is not set, is empty or is not
    /// UTF-8, the filter stays as it was.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use pipe_subscriber::Spawn;
    ///
    /// // RUST_LOG=warn,worker::db=debug
    /// let command = std::process::Command::new("true");
    /// let (mut child, logs) = Spawn::new(command).filter_from_env("RUST_LOG").spawn()?;
    /// # logs.run_on_thread()?.join().unwrap().unwrap();
    /// # child.wait()?;
    /// # Ok(()) }
    /// ```
    pub fn filter_from_env(mut self, variable: &str) -> Self {
        let value = env::var(variable).unwrap_or_default();
        let directives = value.split('/').next().unwrap_or_default().trim();
        if !directives.is_empty() {
            self.filter = Some(directives.to_owned());
        }
        self
    }

    /// Sets how the child gets the write end of its pipe. By default it is [`Via::Fd`].
    pub fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Sets how long the pipe is read after the child's exit while another process holds it; the end is then
    /// [held open](crate::StreamEnd::HeldOpen). By default it is 2 s.
    ///
    /// It begins when the subscriber sees the exit, and counts only time in which there was nothing to read: a logger
    /// that stands still does not use it up. So that a process that never stops writing does not keep the subscriber
    /// for ever, all time in which it reads and logs counts against ten times the grace period, and each time that the
    /// parent stands still for at most 100 ms. Then what is in the pipe is still read, without waiting for any of it,
    /// and no more.
    ///
    /// Linux only: elsewhere the pipe is read until no process holds it. If the system refuses a descriptor for the
    /// child's process (before Linux 5.3, or by a filter of system calls), it is asked for the exit every 100 ms; if it
    /// refuses timers, a thread with all signals blocked but faults stands in for them. If all of that is refused once
    /// the child runs, reading ends with an error. One case remains in which the exit is not seen for as long as nobody
    /// has waited for the child: no descriptor for the process, no `/proc` of the same PID namespace, and a subscriber
    /// that is read in another process than the one that spawned (a fork of it), or `waitid` refused as well.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the child. The subscriber reads nothing yet.
    ///
    /// # Errors
    ///
    /// Where the pipe cannot be made or the command cannot be started, or where the child's exit could not be watched:
    /// no descriptor is left for that, or the system refuses both a timer and a thread. No descriptor is left then.
    ///
    /// # Panics
    ///
    /// As the command's own `spawn`: tokio's outside of a runtime.
    pub fn spawn(mut self) -> io::Result<(C::Child, PipeSubscriber)> {
        let (read_end, write_end) = io::pipe()?;
        let read_end = above_stdio(read_end.into())?;
        let write_end = above_stdio(write_end.into())?;
        let filter = self
            .filter
            .unwrap_or_else(|| log::max_level().as_str().to_ascii_lowercase());
        let command = self.command.as_std_mut();
        let is_off = filter.trim().eq_ignore_ascii_case("off");
        command.env(FILTER_VARIABLE, filter);
        hand_over(command, write_end, self.via)?;

        // Before the child is there: the pipe gets its size now, and no child sees it grow; and what will be needed to
        // watch the exit is had or the spawn fails.
        let mut pipe = ChildPipe::new(read_end, self.grace)?;
        let (child, pid) = self.command.spawn()?;
        pipe.watch(pid);
        let held_open = pipe.held_open();
        let mut subscriber = PipeSubscriber::new(pipe)
            .with_held_open(held_open)
            .label_in(self.label_in);
        if is_off {
            subscriber = subscriber.with_filter_off();
        }
        if let Some(label) = self.label {
            subscriber = subscriber.label(label);
        }
        Ok((child, subscriber))
    }
}

/// The command owns the write end from here on.
fn hand_over(command: &mut process::Command, write_end: OwnedFd, via: Via) -> io::Result<()> {
    let pipe = fstat(&write_end)?;
    let number = match via {
        Via::Fd => {
            let write_end = out_of_the_way(write_end);
            let number = write_end.as_raw_fd();
            keep_in_child(command, write_end, &pipe);
            number
        }
        Via::Stdin => {
            command.stdin(Stdio::from(write_end));
            0
        }
    };
    let address = format!("v1:{number}:{}:{}", pipe.st_dev, pipe.st_ino);
    command.env(PIPE_VARIABLE, address);
    Ok(())
}

/// Where there is no number up there it stays where it is.
fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    let half = limit().and_then(|limit| RawFd::try_from(limit / 2).ok());
    let lowest = LOWEST_NUMBER.min(half.unwrap_or(LOWEST_NUMBER)).max(3);
    fcntl_dupfd_cloexec(&fd, lowest).unwrap_or(fd)
}

/// How many descriptors there may be; `None` if a sandbox refuses to tell, for which rustix has no error.
#[allow(unsafe_code)]
fn limit() -> Option<libc::rlim_t> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: It points to a place for the limits.
    let refused = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (refused == 0).then_some(limit.rlim_cur)
}

/// The flag belongs to the descriptor, not to the pipe: taken away in the forked child, it stays set in this process,
/// and no other child inherits the pipe.
///
/// Hooks of the command's own have run before. If one has closed the descriptor, or put another on its number, this
/// leaves alone what is there. It is no error: std would report it through a descriptor that may be closed as well, and
/// then aborts the child.
#[allow(unsafe_code)]
fn keep_in_child(command: &mut process::Command, write_end: OwnedFd, pipe: &Stat) {
    let (dev, ino) = (pipe.st_dev, pipe.st_ino);
    let clear_close_on_exec = move || {
        if fstat(&write_end).is_ok_and(|there| (there.st_dev, there.st_ino) == (dev, ino)) {
            let _ = fcntl_setfd(&write_end, FdFlags::empty());
        }
        Ok(())
    };
    // SAFETY: The closure makes two system calls, which are async-signal-safe. It neither allocates nor locks.
    unsafe {
        command.pre_exec(clear_close_on_exec);
    }
}

/// In a program that runs with closed stdio a new descriptor may get one of its numbers, which the child needs.
fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    match fd.as_raw_fd() {
        0..=2 => Ok(fcntl_dupfd_cloexec(&fd, 3)?),
        _ => Ok(fd),
    }
}
