//! The public figures of a stream.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus};

use record_proto::Levels;
use serde::{Serialize, Serializer, ser::SerializeMap};

#[cfg(feature = "capture")]
use super::captured::CapturedStream;

/// The figures of one stream: which records arrived, which did not, and how the stream ended.
///
/// Every record that a child logged is counted in exactly one of [`received`](Self::received),
/// [`dropped`](Self::dropped) and [`missing`](Self::missing), if each of its processes sent a close frame at its end.
/// The close frame has the totals of its process.
///
/// A process may end without a close frame, because it was killed or found no room in its pipe within its exit timeout.
/// [`unclosed`](Self::unclosed) counts these processes. For them the figures hold up to the last record that arrived;
/// the number of records after it is unknown.
///
/// The other figures are for information.
///
/// `Display` prints one line: `all 1,234 records received`, or the losses, the worst first. With serde, a summary
/// serialises as an object with the names of its fields.
///
/// # Examples
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
    /// The number of records that were decoded, including those that the logger filtered out or panicked on.
    pub received: u64,
    /// The number of records that the processes reported as dropped.
    pub dropped: u64,
    /// The drops by level, as far as levels were reported. The sum may be lower than [`dropped`](Self::dropped): a
    /// close frame may report drops without levels.
    #[serde(serialize_with = "levels")]
    pub dropped_by_level: Levels,
    /// The number of records that a process counted when it logged them, and that neither arrived nor were reported as
    /// dropped.
    pub missing: u64,
    /// The number of log calls that had begun and not finished, in other threads, when their process ended in good
    /// order, after its close frame.
    pub in_flight: u64,
    /// The number of records that were held back and never sent, because nothing severe enough came after them. They
    /// are not among the other figures.
    pub held_back: u64,
    /// The number of processes that ended without a close frame. How many records each of them logged after the last
    /// one that arrived is unknown.
    pub unclosed: u64,
    /// The number of payloads that could not be decoded, of fragments that belonged to no record, and of records in
    /// fragments that were longer than the [`record_limit`](crate::PipeSubscriber::record_limit). Later fragments of a
    /// record that was given up are not counted.
    pub malformed: u64,
    /// The number of payloads of a kind that this version does not know.
    pub unknown: u64,
    /// The number of records in fragments that were unfinished at the end.
    pub incomplete: u64,
    /// The number of unfinished records in fragments that were given up to stay within
    /// [`reassembly_limit`](crate::PipeSubscriber::reassembly_limit).
    pub evicted: u64,
    /// The number of times that the logger (or the closure of [`run_with`](crate::PipeSubscriber::run_with)) panicked.
    pub logger_panics: u64,
    /// The number of records that arrived and that the [rate limit](crate::Spawn::rate_limit) did not hand on. Those
    /// from the pipe are among the [`received`](Self::received) ones.
    pub suppressed: u64,
    /// The [`suppressed`](Self::suppressed) records by level.
    #[serde(serialize_with = "levels")]
    pub suppressed_by_level: Levels,
    /// The [captured](crate::Spawn::capture) streams, stdout before stderr. Their records are in none of the figures
    /// above except [`suppressed`](Self::suppressed) and [`logger_panics`](Self::logger_panics). Serde leaves the list
    /// out if it is empty.
    #[cfg(feature = "capture")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captured: Vec<CapturedStream>,
    /// The highest version of the wire format that a process announced, if it is above this crate's.
    pub newer_version: Option<u64>,
    /// The first few different texts about problems: why payloads could not be decoded, why records were given up, and
    /// why the stream could not go on. The texts quote nothing that a child sent.
    ///
    /// If nothing at all came over the pipe of a child that [`spawn`](crate::spawn) started, one of them is "the child
    /// did not adopt the pipe": the child does not know the pipe, or
    /// [did not get it](crate::Spawn#programs-between). The text is left out if lines of the child were
    /// [captured](crate::Spawn::capture).
    pub reasons: Vec<String>,
    /// The processes, in the order of their first frames; at most 1,024.
    pub processes: Vec<ProcessSummary>,
    /// The number of further processes that are included in the figures above but no longer listed in
    /// [`processes`](Self::processes).
    pub folded_processes: u64,
    /// How the stream ended.
    pub end: StreamEnd,
    /// The exit status of the child, if [`with_exit_status`](Self::with_exit_status) has set it.
    #[serde(serialize_with = "exit_status")]
    pub exit_status: Option<ExitStatus>,
}

impl Summary {
    /// Sets the exit status of the child, which is then printed with the summary. The subscriber does not wait for the
    /// child, so it does not know the status.
    ///
    /// # Examples
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

    /// Returns whether all logged records have arrived and were decoded: the end is [`StreamEnd::Clean`], and the
    /// numbers of dropped, missing, malformed, unknown, incomplete and evicted records are 0.
    pub fn is_complete(&self) -> bool {
        let lost = [
            self.dropped,
            self.missing,
            self.malformed,
            self.unknown,
            self.incomplete,
            self.evicted,
        ];
        self.end == StreamEnd::Clean && lost == [0; 6]
    }
}

/// The figures of one process in a [`Summary`].
///
/// # Examples
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
    /// The operating system's number of the process. `None` stands for all processes that did not send theirs.
    pub pid: Option<u64>,
    /// A random number that the writer chose for itself, because two processes on one pipe can have the same pid.
    /// `None` if it did not choose one. Serialises as eight hexadecimal digits.
    #[serde(serialize_with = "instance")]
    pub instance: Option<u32>,
    /// The number of this entry among those of the same pid, from 1. There may be several: the system reuses pids, and
    /// an exec keeps the pid.
    pub incarnation: u64,
    /// The first name that the process sent, cut at 255 bytes.
    pub process: Option<String>,
    /// The number of records that were decoded.
    pub received: u64,
    /// The number of records that the process reported as dropped.
    pub dropped: u64,
    /// The number of records that the process counted and that neither arrived nor were reported as dropped.
    pub missing: u64,
    /// The number of log calls that had begun and not finished when the process ended after its close frame.
    pub in_flight: u64,
    /// The number of records that the process held back and never sent, as its close frame says.
    pub held_back: u64,
    /// Whether the process sent a close frame.
    pub closed: bool,
}

/// How a stream ended: the first of open, corrupt, truncated, held open, clean and eof that applies.
///
/// # Examples
///
/// ```
/// assert_eq!(pipe_subscriber::StreamEnd::HeldOpen.to_string(), "held-open");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StreamEnd {
    /// The stream has not ended: these are the figures so far.
    Open,
    /// Every process sent a close frame.
    Clean,
    /// The last writer is gone, and at least one process did not send a close frame, or no frame of any process came.
    /// How many records the processes that [did not close](Summary::unclosed) logged in the end is unknown.
    Eof,
    /// The last writer is gone in the middle of a frame.
    Truncated,
    /// A frame announced an impossible length. Everything after it was read and thrown away.
    Corrupt,
    /// The child has exited and its grace period is over, but another process still holds the write end.
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

/// Serialises an instance as eight hexadecimal digits.
fn instance<S: Serializer>(instance: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    match instance {
        Some(instance) => serializer.collect_str(&format_args!("{instance:08x}")),
        None => serializer.serialize_none(),
    }
}

/// Serialises an exit status as `{"code": 3}` or `{"signal": 9}`.
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

/// Serialises counts as an object with the names of the levels.
fn levels<S: Serializer>(levels: &Levels, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(levels.0.len()))?;
    for level in log::Level::iter() {
        let name = level.as_str().to_ascii_lowercase();
        map.serialize_entry(&name, &levels.of(level))?;
    }
    map.end()
}
