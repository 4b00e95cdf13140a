//! `Streams`: which streams of a child are captured, and how.

use log::Level;

/// The streams of a child that become records, and the settings for their lines.
///
/// [`Spawn::capture`](crate::Spawn::capture) takes it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use log::Level;
/// use pipe_subscriber::{Spawn, Streams};
///
/// let mut command = std::process::Command::new("sh");
/// command.args(["-c", "echo ready; echo 'ERROR no disk' >&2; echo bye >&2"]);
/// let streams = Streams::both().stderr_level(Level::Info).recognise_levels();
/// let (mut child, logs) = Spawn::new(command).capture(streams).spawn()?;
///
/// let mut lines = Vec::new();
/// logs.run_with(|record| lines.push((record.level, record.target.to_string(), record.message.to_string()))).await?;
/// lines.sort();
/// assert_eq!(lines, [
///     (Level::Error, "stderr".to_owned(), "ERROR no disk".to_owned()),
///     (Level::Info, "stderr".to_owned(), "bye".to_owned()),
///     (Level::Info, "stdout".to_owned(), "ready".to_owned()),
/// ]);
/// # child.wait()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "captures nothing until it is given to Spawn::capture"]
pub struct Streams {
    pub(crate) stdout: Option<Level>,
    pub(crate) stderr: Option<Level>,
    pub(crate) recognises_levels: bool,
    pub(crate) joins_traces: bool,
}

impl Streams {
    /// Captures stdout and stderr.
    pub fn both() -> Self {
        Self {
            stdout: Some(Level::Info),
            stderr: Some(Level::Warn),
            recognises_levels: false,
            joins_traces: true,
        }
    }

    /// Captures stdout only.
    pub fn stdout() -> Self {
        Self {
            stderr: None,
            ..Self::both()
        }
    }

    /// Captures stderr only.
    pub fn stderr() -> Self {
        Self {
            stdout: None,
            ..Self::both()
        }
    }

    /// Sets the level of the lines of stdout. The default is info. Without an effect if stdout is not captured.
    pub fn stdout_level(mut self, level: Level) -> Self {
        self.stdout = self.stdout.map(|_| level);
        self
    }

    /// Sets the level of the lines of stderr. The default is warn. Without an effect if stderr is not captured.
    ///
    /// A [rate limit](crate::Spawn::rate_limit) spares warnings by default, and so spares these lines.
    pub fn stderr_level(mut self, level: Level) -> Self {
        self.stderr = self.stderr.map(|_| level);
        self
    }

    /// Recognises the level of a line, in place of the stream's level. By default no level is recognised.
    ///
    /// First, colours and other terminal sequences of the form CSI (`ESC [ ...`) are removed from the line. Then the
    /// first of these that applies gives the level:
    ///
    /// - *A JSON object* with a level or a message. The level is in `level`, `severity`, `log.level`, `levelname`,
    ///   `lvl` or `@l`, as a word or as a number: from 10 as pino's (10 trace, 20 debug, 30 info, 40 warn, from 50
    ///   error), up to 7 as syslog's. The message is in `msg`, `message`, `event`, `@m` or `@mt`. The time is in
    ///   `time`, `timestamp`, `ts`, `@timestamp` or `@t`, in RFC 3339 with an offset, or as seconds, milliseconds,
    ///   microseconds or nanoseconds since 1970; it becomes the record's time. All other members become key-values with
    ///   their types. The members of `record`, `fields`, `extra`, `jsonPayload` and `log` (with `log.` in front of
    ///   their names) count as members of the object itself. At most 256 key-values are kept; a value that nests deeper
    ///   than 7, or has more than 1,024 commas, becomes its JSON text.
    /// - *The start of a trace*: error; see [`separate_lines`](Self::separate_lines).
    /// - *A prefix*: `<3>` as of systemd or syslog, or `E0102 03:04:05` as of glog.
    /// - *A word among the first five* of the line: `ERROR`, `[warn]`, `info:`, `level=error`. Words in small
    ///   letters must be in brackets, between tabs, or before a colon. The message keeps the word.
    ///
    /// Otherwise the line has the stream's level. A recognised level holds for its line and for the indented lines that
    /// follow it; those become part of the same record if they were read together with it. It holds for nothing else.
    ///
    /// What a line says is the child's claim, as everything else in a record is.
    pub fn recognise_levels(mut self) -> Self {
        self.recognises_levels = true;
        self
    }

    /// Makes a record of each line, even of the lines of a trace.
    ///
    /// By default the lines of a panic, a traceback or a stack trace become one record: of a Rust panic, a Python
    /// traceback (with the exceptions that caused it), a Java, Go or Node trace, or an error with `Caused by:`. The
    /// record ends with the first line that does not belong to it, after 100 ms in which the stream was silent, at the
    /// end of the stream, or before the line with which it would exceed 1,000 lines or 64 KiB; the lines after that
    /// begin another record of the same level.
    pub fn separate_lines(mut self) -> Self {
        self.joins_traces = false;
        self
    }
}
