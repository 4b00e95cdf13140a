//! The public figures of a captured stream.

use serde::Serialize;

/// The figures of one [captured](crate::Spawn::capture) stream of a child: its stdout or its stderr.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{Spawn, Streams};
///
/// let mut command = std::process::Command::new("sh");
/// command.args(["-c", "echo starting >&2; echo; echo ready"]);
/// let (mut child, logs) = Spawn::new(command).capture(Streams::both()).spawn()?;
///
/// let summary = logs.run().await?;
/// let [stdout, stderr] = &summary.captured[..] else { unreachable!() };
/// assert_eq!((stdout.name, stdout.lines, stdout.records), ("stdout", 2, 1));
/// assert_eq!((stderr.name, stderr.lines, stderr.records), ("stderr", 1, 1));
/// # child.wait()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CapturedStream {
    /// `stdout` or `stderr`.
    pub name: &'static str,
    /// The number of lines that were read, empty ones included. The states of a line that were
    /// [overwritten](Self::overwritten) are not counted.
    pub lines: u64,
    /// The number of records that were made, including those that the logger filtered out or panicked on. Empty lines
    /// make no record, and several lines may make one.
    pub records: u64,
    /// The number of lines that were longer than 64 KiB. The rest of each was thrown away.
    pub cut: u64,
    /// The number of bytes that were not UTF-8. Each sequence of them was replaced by U+FFFD.
    pub replaced: u64,
    /// The number of states of a line, ended by a carriage return, that made no record because another one followed.
    pub overwritten: u64,
    /// The number of records that the [rate limit](crate::Spawn::rate_limit) suppressed. They are also among
    /// [`Summary::suppressed`](crate::Summary::suppressed).
    pub suppressed: u64,
    /// Whether another process still held the stream when its grace period was over.
    pub held_open: bool,
}
