//! `Spawn`: the builder that starts a child.

use std::time::Duration;

use super::command::SpawnCommand;
use super::handover::Via;
use super::settings::Settings;
use super::trace_context::TraceContext;
use crate::dispatch::LabelIn;

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
    pub(super) command: C,
    pub(super) settings: Settings,
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
            settings: Settings::default(),
        }
    }

    /// Replaces the command, and keeps the settings.
    pub(crate) fn map_command<D>(self, f: impl FnOnce(C) -> D) -> Spawn<D> {
        Spawn {
            command: f(self.command),
            settings: self.settings,
        }
    }

    /// Sets the name of this child in the parent's log; see [`PipeSubscriber::label`](crate::PipeSubscriber::label).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.settings.label = Some(label.into());
        self
    }

    /// Sets which part of a record shows the label; see [`PipeSubscriber::label_in`](crate::PipeSubscriber::label_in).
    pub fn label_in(mut self, place: LabelIn) -> Self {
        self.settings.label_in = place;
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
        self.settings.grace = grace;
        self
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
        self.settings.trace_context = Some(TraceContext::new(entries));
        self
    }

    /// Sets how the child gets the write end of its pipe. The default is [`Via::Fd`].
    pub fn via(mut self, via: Via) -> Self {
        self.settings.via = via;
        self
    }
}
