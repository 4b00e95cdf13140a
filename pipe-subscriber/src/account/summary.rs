use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

use record_proto::Levels;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// What came over one stream, what did not, and how the stream ended.
///
/// Every record that a child logged is in exactly one of [`received`](Self::received), [`dropped`](Self::dropped) and
/// [`missing`](Self::missing), as long as each of its processes said how much that was: with a close frame at its end. Of one
/// that did not, because it was killed or found no room in its pipe within its exit timeout, the figures hold up to the last
/// record that arrived, and what came after it is unknown: [`unclosed`](Self::unclosed) counts them. The other figures
/// inform.
///
/// It prints as one line: `all 1,234 records received`, or whatever was lost. With serde it is an object of its fields' names.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{PipeSubscriber, StreamEnd};
/// use record_proto::{Close, Encode, LogRecord};
///
/// let mut stream = Vec::new();
/// let mut record = LogRecord::new(log::Level::Info, "worker", "done");
/// record.seq = 1;
/// record.encode_frame(&mut stream);
/// let mut close = Close::new();
/// close.sent = 3;
/// close.encode_frame(&mut stream);
///
/// let summary = PipeSubscriber::new(&stream[..]).run().await?;
/// assert_eq!((summary.received, summary.missing), (1, 2));
/// assert_eq!(summary.end, StreamEnd::Clean);
/// assert!(!summary.is_complete());
/// assert_eq!(summary.to_string(), "2 missing, 1 record received");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Records decoded whole, those included that the logger filtered out or panicked on.
    pub received: u64,
    /// Records that the processes themselves reported as given up.
    pub dropped: u64,
    /// The same by level, as far as levels were reported: what only a close frame tells has none.
    #[serde(serialize_with = "levels")]
    pub dropped_by_level: Levels,
    /// Records that were counted where they were logged and neither arrived nor were reported as dropped.
    pub missing: u64,
    /// Log calls that had begun and not returned when their process ended in good order, in its other threads.
    pub in_flight: u64,
    /// Processes that ended without a close: how much each logged after the last record that arrived is unknown.
    pub unclosed: u64,
    /// Payloads that could not be decoded, and fragments that belonged to no record.
    pub malformed: u64,
    /// Payloads of a kind that this version does not know.
    pub unknown: u64,
    /// Records in fragments that were unfinished at the end.
    pub incomplete: u64,
    /// Records in fragments that were given up to stay within
    /// [`reassembly_limit`](crate::PipeSubscriber::reassembly_limit).
    pub evicted: u64,
    /// How often the logger (or the closure of [`run_with`](crate::PipeSubscriber::run_with)) panicked.
    pub logger_panics: u64,
    /// The highest version of the wire format that a process announced, where it is above this crate's.
    pub newer_version: Option<u64>,
    /// The first few different texts of what went wrong: payloads that could not be decoded, what was given up and
    /// why the stream could not go on. They quote nothing that a child sent.
    ///
    /// "the child did not adopt the pipe" stands here if nothing at all came over the pipe of a child that
    /// [`spawn`](crate::spawn) started: it does not know the pipe, or [did not get it](crate::Spawn#programs-between).
    pub reasons: Vec<String>,
    /// The processes, in the order in which they were first heard of; at most 1,024.
    pub processes: Vec<ProcessSummary>,
    /// How many further processes are in the figures above and no longer in [`processes`](Self::processes).
    pub folded_processes: u64,
    /// How the stream ended.
    pub end: StreamEnd,
    /// How the child itself ended, if [`with_exit_status`](Self::with_exit_status) was told.
    #[serde(serialize_with = "exit_status")]
    pub exit_status: Option<ExitStatus>,
}

impl Summary {
    /// Adds how the child ended, for whoever prints the summary: the subscriber does not wait for its child.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tokio::process::Command;
    /// let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("false"))?;
    /// let status = logs.run_until(child.wait()).await?;
    /// let summary = logs.run().await?.with_exit_status(status);
    /// assert!(summary.to_string().ends_with(", exit status: 1"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_exit_status(mut self, status: ExitStatus) -> Self {
        self.exit_status = Some(status);
        self
    }

    /// Whether everything that was logged is here and was understood: the end is [`StreamEnd::Clean`], and nothing
    /// was dropped, is missing, malformed, unknown or incomplete.
    pub fn is_complete(&self) -> bool {
        let lost = [
            self.dropped,
            self.missing,
            self.malformed,
            self.unknown,
            self.incomplete,
        ];
        self.end == StreamEnd::Clean && lost == [0; 5]
    }
}

/// The part of one process in a [`Summary`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use record_proto::{Encode, Hello};
///
/// let mut stream = Vec::new();
/// let mut hello = Hello::new();
/// hello.pid = Some(42);
/// hello.encode_frame(&mut stream);
///
/// let summary = pipe_subscriber::PipeSubscriber::new(&stream[..]).run().await?;
/// assert_eq!(summary.processes[0].pid, Some(42));
/// assert!(!summary.processes[0].closed);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProcessSummary {
    /// The operating system's number of the process; `None` for all that did not tell theirs.
    pub pid: Option<u64>,
    /// The number that the writer drew at random for itself, because two processes on one pipe can have the same pid; `None` if
    /// it did not. Serialises as hexadecimal digits.
    #[serde(serialize_with = "instance")]
    pub instance: Option<u32>,
    /// Counts the accounts of this pid from 1: numbers are given again, and an exec keeps its own.
    pub incarnation: u64,
    /// The name that the process gave itself, cut at 255 bytes.
    pub process: Option<String>,
    /// Records decoded whole.
    pub received: u64,
    /// Records that the process reported as given up.
    pub dropped: u64,
    /// Records that the process counted and that neither arrived nor were reported as dropped.
    pub missing: u64,
    /// Log calls that had begun and not returned when the process ended after its close frame.
    pub in_flight: u64,
    /// Whether it sent a close frame.
    pub closed: bool,
}

/// How a stream ended: the first of open, corrupt, truncated, held open, clean and eof that applies.
///
/// ```
/// assert_eq!(pipe_subscriber::StreamEnd::HeldOpen.to_string(), "held-open");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StreamEnd {
    /// It has not: these are the figures so far.
    Open,
    /// Every process said that it has nothing more to say.
    Clean,
    /// The last writer is gone, and at least one process did not say so, or none was ever heard of. How much the
    /// processes that [did not close](Summary::unclosed) logged in the end is unknown.
    Eof,
    /// The last writer is gone in the middle of a frame.
    Truncated,
    /// A frame announced an impossible length; everything behind it was read and thrown away.
    Corrupt,
    /// The child is gone, its grace period is over and another process still holds the write end.
    HeldOpen,
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            StreamEnd::Open => "open",
            StreamEnd::Clean => "clean",
            StreamEnd::Eof => "eof",
            StreamEnd::Truncated => "truncated",
            StreamEnd::Corrupt => "corrupt",
            StreamEnd::HeldOpen => "held-open",
        })
    }
}

fn instance<S: Serializer>(instance: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    match instance {
        Some(instance) => serializer.collect_str(&format_args!("{instance:08x}")),
        None => serializer.serialize_none(),
    }
}

/// `{"code": 3}` or `{"signal": 9}`.
fn exit_status<S: Serializer>(
    status: &Option<ExitStatus>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(status) = status else {
        return serializer.serialize_none();
    };
    let mut map = serializer.serialize_map(Some(1))?;
    match status.code() {
        Some(code) => map.serialize_entry("code", &code)?,
        None => map.serialize_entry("signal", &status.signal())?,
    }
    map.end()
}

fn levels<S: Serializer>(levels: &Levels, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(levels.0.len()))?;
    for level in log::Level::iter() {
        let name = level.as_str().to_ascii_lowercase();
        map.serialize_entry(&name, &levels.of(level))?;
    }
    map.end()
}
