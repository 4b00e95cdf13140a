//! `Spawn::capture`.

use super::builder::Spawn;
use super::command::SpawnCommand;
use crate::capture::Streams;

/// Capturing.
impl<C: SpawnCommand> Spawn<C> {
    /// Makes records of the lines that the child writes to its stdout, its stderr or both. They come beside the records
    /// of its pipe, through the same [`PipeSubscriber`](crate::PipeSubscriber).
    ///
    /// Such a record has the target `stdout` or `stderr`, the level that [`Streams`] sets or recognises, the line as
    /// its message, the pid of the child (whichever process wrote the line), and the time at which the line was read.
    /// [`max_level`](crate::PipeSubscriber::max_level) and the logger decide about it as about any other. Empty lines become
    /// no record.
    ///
    /// The captured streams take the place of the command's own settings for stdout and stderr. A child that somebody
    /// else starts ([`prepare`](Self::prepare)) has its streams from there, and nothing is captured.
    ///
    /// # Order
    ///
    /// The records come in the order in which the lines are read. All records that are in the child's pipe when a line
    /// is read go before that line, up to 64 KiB of them, and so do all records that are in its shared buffer. So a record that a child logged before it wrote a line is not
    /// seen after it. The other way round, and between stdout and stderr, nothing is promised for lines and records that
    /// were read at the same look.
    ///
    /// # Limits
    ///
    /// - A line of more than 64 KiB is cut, marked with its length, and has an
    ///   [`original_length`](crate::LogRecord::original_length).
    /// - Bytes that are no UTF-8 are replaced by U+FFFD. The key-value `replaced_bytes` has their number.
    /// - A last line without a newline is a line.
    /// - A line that is overwritten by carriage returns, as progress bars are, becomes a record once a second at most,
    ///   and one of its last state.
    /// - The lines of a trace become one record; see [`Streams::separate_lines`].
    /// - A stream takes less than 1 MiB of memory, and two descriptors of this process until the child's exit.
    ///
    /// [`Summary::captured`](crate::Summary::captured) counts all of this. A [tee](crate::PipeSubscriber::tee) stores the
    /// records too, as frames of a writer of their own, with a close frame at the end.
    ///
    /// # The end
    ///
    /// The [grace period](Self::grace) holds for these streams too. A daemon that keeps stderr open does not keep the
    /// subscriber. When the subscriber is dropped, the streams are closed, and a process that still writes to them gets
    /// SIGPIPE, or an error.
    ///
    /// # Children that buffer
    ///
    /// Most programs write whole blocks of 4 or 8 KiB to a stdout that is not a terminal, so that their lines arrive
    /// late, all at once, and after lines of stderr and records that they wrote later. `stdbuf -oL program` makes most
    /// C programs write lines, `PYTHONUNBUFFERED=1` does so for Python, `grep` and `sed` have options for it. Rust, Go
    /// and shells write each line at once. For other programs, a pseudoterminal helps (`script -qc program /dev/null`).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::{Spawn, Streams};
    ///
    /// let mut command = tokio::process::Command::new("sh");
    /// command.args(["-c", "echo 'cannot open /etc/motd' >&2"]);
    /// let (mut child, mut logs) = Spawn::new(command).label("sh").capture(Streams::stderr()).spawn()?;
    ///
    /// let status = logs.run_until(child.wait()).await?; // WARN stderr: cannot open /etc/motd label=sh
    /// let summary = logs.run().await?;
    /// assert_eq!(summary.with_exit_status(status).to_string(), "no records received, 1 line captured, exit status: 0");
    /// # Ok(()) }
    /// ```
    pub fn capture(mut self, streams: Streams) -> Self {
        self.settings.capture = Some(streams);
        self
    }
}
