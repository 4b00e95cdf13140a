use std::{env, io, time::Duration};

use super::command::SpawnCommand;
use super::handover::{Via, above_stdio, hand_over};
use crate::dispatch::LabelIn;
use crate::read::ChildPipe;
use crate::subscriber::PipeSubscriber;

/// What the child should log.
const FILTER_VARIABLE: &str = "RECORD_PIPE_FILTER";

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
#[doc = include_str!("../../BETWEEN.md")]
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
