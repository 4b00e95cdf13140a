//! `spawn` and its builder: the settings of a child and the order of the steps that start it.

use std::{env, io, os::fd::OwnedFd, time::Duration};

use log::LevelFilter;

#[cfg(feature = "shared-buffer")]
use super::buffer_offer::offer_buffer;
use super::command::SpawnCommand;
use super::handover::{Via, above_stdio, pass_write_end};
use super::level::max_level;
#[cfg(feature = "capture")]
use super::line_pipes::LinePipes;
use super::trace_context::TraceContext;
#[cfg(feature = "capture")]
use crate::capture::Streams;
use crate::dispatch::LabelIn;
use crate::read::ChildPipe;
use crate::subscriber::{PipeSubscriber, RateLimit};

/// The environment variable that holds the child's filter.
pub(super) const FILTER_VARIABLE: &str = "RECORD_PIPE_FILTER";

/// The default of [`Spawn::grace`].
const DEFAULT_GRACE: Duration = Duration::from_secs(2);

/// Starts a child with a record pipe and the default settings of [`Spawn`].
///
/// # Errors
///
/// The errors of [`Spawn::spawn`].
///
/// # Panics
///
/// As [`Spawn::spawn`].
///
/// # Examples
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

/// A builder that starts a child with a record pipe.
///
/// It takes ownership of the command. [`spawn`](Self::spawn) drops the command, and with it this process's last write
/// end of the pipe, so that the stream ends when the child does.
///
/// It changes the command in two ways only: it sets the environment variables `RECORD_PIPE` and `RECORD_PIPE_FILTER`
/// (and those of a [trace context](Self::trace_context)), and it adds pre-exec hooks or replaces the stdin, as [`Via`]
/// and the [buffer](Self::buffer) require.
///
/// # Examples
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
    pub(super) grace: Duration,
    /// `None` is the default.
    #[cfg(feature = "shared-buffer")]
    pub(super) buffer: Option<usize>,
    trace_context: Option<TraceContext>,
    /// Records a second, and the burst.
    pub(super) rate_limit: Option<(u32, u32)>,
    pub(super) rate_limit_spares: LevelFilter,
    #[cfg(feature = "capture")]
    pub(super) capture: Option<Streams>,
}

impl<C: SpawnCommand> Spawn<C> {
    /// Creates a builder for `command` with the default settings.
    pub fn new(command: C) -> Self {
        Self::with_defaults(command)
    }
}

impl<C> Spawn<C> {
    pub(super) fn with_defaults(command: C) -> Self {
        Self {
            command,
            label: None,
            label_in: LabelIn::default(),
            filter: None,
            via: Via::default(),
            grace: DEFAULT_GRACE,
            trace_context: None,
            #[cfg(feature = "shared-buffer")]
            buffer: None,
            rate_limit: None,
            rate_limit_spares: LevelFilter::Warn,
            #[cfg(feature = "capture")]
            capture: None,
        }
    }

    /// Sets the name of this child in the parent's log; see [`PipeSubscriber::label`].
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets which part of a record shows the label; see [`PipeSubscriber::label_in`].
    pub fn label_in(mut self, place: LabelIn) -> Self {
        self.label_in = place;
        self
    }

    /// Sets which records the child sends: a level, or directives such as `info,worker::db=debug`.
    ///
    /// The default is [`log::max_level`] of this process, for all targets. That is the most verbose level that the
    /// logger of this process lets through anywhere. With the feature `tracing`, it is the more verbose one of that and
    /// the level of tracing, `LevelFilter::current()`, which is the most verbose one that any of its subscribers lets
    /// through.
    ///
    /// In a program without a logger, and without a subscriber of tracing, the default is off: the child sends nothing,
    /// and the [`Summary`](crate::Summary) reports it. [`run_with`](PipeSubscriber::run_with) and
    /// [`records`](PipeSubscriber::records) work without a logger, but the filter is put into the child's environment at
    /// the spawn, before it is known how the records will be read. Set a filter for them.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }

    /// Sets the [filter](Self::filter) to the value of an environment variable of this process, so that a child logs
    /// by the same directives as its parent.
    ///
    /// In env_logger's syntax, a slash begins a search in the messages; the slash and everything after it are cut off.
    /// If the variable is not set, is empty or is not UTF-8, the filter stays as it was.
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

    /// Sets the grace period: how long the pipe is read after the child's exit while another process still holds it.
    /// The stream then ends as [held open](crate::StreamEnd::HeldOpen). The default is 2 s.
    ///
    /// The period begins when the subscriber sees the exit. It counts only time in which there was nothing to read, so
    /// that a logger that blocks does not use it up.
    ///
    /// A process that never stops writing cannot keep the subscriber for ever: all time after the exit, including the
    /// time spent reading and logging, counts against a second limit of ten times the grace period. If the parent
    /// itself is stopped for a while, that counts as at most 100 ms against either limit.
    ///
    /// When one of the limits is reached, the bytes that are in the pipe at that moment are still read, without
    /// waiting, and no more.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux only. On other systems the pipe is read until no process holds it.
    ///
    /// - If the system refuses a descriptor for the child's process (before Linux 5.3, or through a filter of system
    ///   calls), the subscriber asks for the exit every 100 ms.
    /// - If the system refuses timers, a thread takes their place. It has all signals blocked except faults.
    /// - If all of this is refused after the child has started, reading ends with an error.
    ///
    /// In one case the exit is not seen until somebody waits for the child: there is no descriptor for the process and
    /// no `/proc` of the same PID namespace, and either the subscriber is read in another process than the one that
    /// spawned the child (a fork of it), or `waitid` is refused as well.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the filter if none is set.
    pub(crate) fn with_default_filter(mut self, filter: &str) -> Self {
        self.filter.get_or_insert_with(|| filter.to_owned());
        self
    }

    /// Replaces the command, and keeps the settings.
    pub(crate) fn map_command<D>(self, f: impl FnOnce(C) -> D) -> Spawn<D> {
        Spawn {
            command: f(self.command),
            label: self.label,
            label_in: self.label_in,
            filter: self.filter,
            via: self.via,
            grace: self.grace,
            trace_context: self.trace_context,
            #[cfg(feature = "shared-buffer")]
            buffer: self.buffer,
            rate_limit: self.rate_limit,
            rate_limit_spares: self.rate_limit_spares,
            #[cfg(feature = "capture")]
            capture: self.capture,
        }
    }

    /// Returns the filter for the child's environment.
    pub(super) fn child_filter(&self) -> String {
        let default = || max_level().as_str().to_ascii_lowercase();
        self.filter.clone().unwrap_or_else(default)
    }

    /// Returns the subscriber for a child that has this filter. Drops the command.
    pub(super) fn into_subscriber(self, pipe: ChildPipe, filter: &str) -> PipeSubscriber {
        let (held_open, rings_are_busy) = (pipe.held_open(), pipe.rings_are_busy());
        let mut subscriber = PipeSubscriber::new(pipe)
            .with_child_pipe(held_open, rings_are_busy)
            .label_in(self.label_in);
        if filter.trim().eq_ignore_ascii_case("off") {
            subscriber = subscriber.with_filter_off();
        }
        if let Some((per_second, burst)) = self.rate_limit {
            let limit = RateLimit::new(per_second, burst, self.rate_limit_spares);
            subscriber = subscriber.with_rate_limit(limit);
        }
        if let Some(label) = self.label {
            subscriber = subscriber.label(label);
        }
        subscriber
    }
}

impl<C: SpawnCommand> Spawn<C> {
    /// Passes the context of a trace to the child, so that spans of its own continue the trace of this process.
    ///
    /// The entries are those that a propagator of OpenTelemetry writes. The variables `TRACEPARENT`, `TRACESTATE` and
    /// `BAGGAGE` of the child's environment get the values of the entries with these names, in letters of either case.
    /// A variable that no entry names is removed, because it would belong to another trace. Entries with other names are
    /// ignored: a context in another format, such as B3, has to be set on the command.
    ///
    /// The values are not checked. Baggage is part of the environment, which other processes of the same user can read.
    ///
    /// The records of the child are not changed, and no spans are exported from them. The child reads the variables
    /// itself, if it has an exporter. These lines take the context of the current span from a parent that uses
    /// `tracing-opentelemetry`:
    ///
    /// ```ignore
    /// let mut context = HashMap::new();
    /// opentelemetry::global::get_text_map_propagator(|propagator| {
    ///     propagator.inject_context(&tracing::Span::current().context(), &mut context);
    /// });
    /// let spawn = Spawn::new(command).trace_context(context);
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use pipe_subscriber::Spawn;
    ///
    /// let mut command = std::process::Command::new("sh");
    /// command.args(["-c", "test \"$TRACEPARENT\" = 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]);
    /// let context = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    /// let (mut child, logs) = Spawn::new(command).trace_context(context).spawn()?;
    ///
    /// logs.run_on_thread()?.join().unwrap().unwrap();
    /// assert!(child.wait()?.success());
    /// # Ok(()) }
    /// ```
    pub fn trace_context<N: AsRef<str>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.trace_context = Some(TraceContext::new(entries));
        self
    }

    /// Sets how the child gets the write end of its pipe. The default is [`Via::Fd`].
    pub fn via(mut self, via: Via) -> Self {
        self.via = via;
        self
    }

    /// Starts the child and returns it with the subscriber for its pipe. The subscriber reads nothing yet.
    ///
    /// # Errors
    ///
    /// Returns an error if
    ///
    /// - the pipe cannot be made,
    /// - the command cannot be started, or
    /// - the child's exit could not be watched: the limit of descriptors is reached, or the system refuses both a timer
    ///   and a thread.
    ///
    /// In each case, this function leaves no descriptor open.
    ///
    /// # Panics
    ///
    /// Panics if the command's own `spawn` does: that of tokio panics outside of a runtime.
    pub fn spawn(mut self) -> io::Result<(C::Child, PipeSubscriber)> {
        let (read_end, write_end) = pipe_above_stdio()?;
        let filter = self.child_filter();
        let command = self.command.as_std_mut();
        command.env(FILTER_VARIABLE, &filter);
        if let Some(context) = self.trace_context.take() {
            context.pass_to(command);
        }
        let _address = pass_write_end(command, write_end, self.via)?;
        #[cfg(feature = "shared-buffer")]
        let is_asked_for = self.buffer.is_some();
        #[cfg(feature = "shared-buffer")]
        let rings = offer_buffer(self.buffer, command, self.via, &_address);

        // This comes before the spawn for two reasons: the pipe gets its final size before the child can see it, and
        // if there is no timer to watch the exit with, no child has been started yet.
        let mut pipe = ChildPipe::new(read_end, self.grace)?;
        #[cfg(feature = "capture")]
        let capture = match self.capture {
            Some(streams) => Some(LinePipes::make(command, streams, self.grace, &pipe)?),
            None => None,
        };
        let (child, pid) = self.command.spawn()?;
        pipe.watch_exit_of(pid);
        let subscriber = self.into_subscriber(pipe, &filter);
        #[cfg(feature = "shared-buffer")]
        let subscriber = subscriber.with_rings(rings, is_asked_for);
        #[cfg(feature = "capture")]
        let subscriber = match capture {
            Some(streams) => subscriber.with_capture(streams.of(pid)),
            None => subscriber,
        };
        Ok((child, subscriber))
    }
}

/// Makes a pipe, the read end first, of which neither end has a number of stdio.
pub(super) fn pipe_above_stdio() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read_end, write_end) = io::pipe()?;
    Ok((
        above_stdio(read_end.into())?,
        above_stdio(write_end.into())?,
    ))
}
