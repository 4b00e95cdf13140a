//! `collect`, for tests: runs a child to its end and returns its records.

use std::{
    future::poll_fn,
    io,
    panic::resume_unwind,
    pin::Pin,
    process::{Command, ExitStatus},
    thread,
    time::Duration,
};

use futures_core::Stream;
use record_proto::LogRecord;
use tokio::{runtime, time::timeout};

use crate::account::Summary;
use crate::spawn::{Spawn, SpawnCommand};
use crate::subscriber::Records;

/// The filter of a child that has none: a test has no logger, by whose level a child would be asked for nothing.
const DEFAULT_FILTER: &str = "trace";

/// The time after which the child is killed, and reading ends.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The records that a child logged, and the figures of its stream.
type Collected = (Vec<LogRecord<'static>>, Summary);

/// Starts a child, waits for its end, and returns its records and their [`Summary`]: for tests of a program that logs.
///
/// `child` is a `Command`, or a [`Spawn`] if the child needs settings. The child sends the records of every level,
/// unless a [filter](Spawn::filter) is set. The summary has the [exit status](Summary::exit_status).
///
/// The child is killed (`SIGKILL`) in two cases. The records that were read are returned all the same, and the exit
/// status has the signal. The [end](Summary::end) is then [open](crate::StreamEnd::Open), unless the pipe ended before.
///
/// - `limit` records have been read. A child that floods ends here, and so does one that never ends, after its first
///   `limit` records. Choose a number above that of the expected records, unless the child is to be killed.
/// - 60 s have passed since its start, and the child or its pipe has not ended.
///
/// Only the child itself is killed, not its own children. If these hold the pipe after its exit, the stream ends a
/// [grace period](Spawn::grace) later, or at the end of the 60 s.
///
/// `limit` bounds the memory too: a record takes as much as its text, at most the 384 KiB of the
/// [`record_limit`](crate::PipeSubscriber::record_limit).
///
/// The function blocks the thread. It has a thread and a runtime of its own, so it can be called from an async test
/// too, in which it blocks the test's runtime.
///
/// # Errors
///
/// Returns an error if the child cannot be started, if the thread or the runtime cannot be made, or if reading the pipe
/// or waiting for the child fails.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::process::Command;
/// use pipe_subscriber::collect;
///
/// let (records, summary) = collect(Command::new("true"), 1_000)?;
/// assert!(records.is_empty());
/// assert!(summary.exit_status.unwrap().success());
/// # Ok(()) }
/// ```
///
#[doc = include_str!("../TESTING.md")]
pub fn collect(child: impl Into<Spawn<Command>>, limit: usize) -> io::Result<Collected> {
    collect_within(TIME_LIMIT, child.into(), limit)
}

/// A child with the default settings of [`Spawn`].
impl<C: SpawnCommand> From<C> for Spawn<C> {
    fn from(command: C) -> Self {
        Self::new(command)
    }
}

fn collect_within(time: Duration, child: Spawn<Command>, limit: usize) -> io::Result<Collected> {
    let child = child
        .with_default_filter(DEFAULT_FILTER)
        .map_command(|command| {
            let mut command = tokio::process::Command::from(command);
            command.kill_on_drop(true);
            command
        });
    // A runtime cannot be run within another one of the same thread.
    let collect = move || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(run(time, child, limit))
    };
    let thread = thread::Builder::new()
        .name("collect".to_owned())
        .spawn(collect)?;
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

async fn run(
    time: Duration,
    child: Spawn<tokio::process::Command>,
    limit: usize,
) -> io::Result<Collected> {
    let (mut child, logs) = child.spawn()?;
    let mut stream = logs.records();
    let mut records = Vec::new();
    let to_the_end = async {
        read(&mut stream, &mut records, limit).await?;
        child.wait().await.ok()
    };
    let ended: Option<ExitStatus> = timeout(time, to_the_end).await.ok().flatten();
    let status = match ended {
        Some(status) => status,
        None => {
            child.start_kill()?;
            child.wait().await?
        }
    };
    let summary = stream.into_summary().map_err(|error| error.source)?;
    Ok((records, summary.with_exit_status(status)))
}

/// Reads to the end of the stream, or returns `None` once there are `limit` records.
async fn read(
    stream: &mut Records,
    records: &mut Vec<LogRecord<'static>>,
    limit: usize,
) -> Option<()> {
    while records.len() < limit {
        match poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await {
            Some(record) => records.push(record),
            None => return Some(()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use log::Level;
    use record_proto::{Encode, LogRecord};

    use super::*;
    use crate::account::StreamEnd;
    use crate::spawn::Via;

    /// Returns a shell that writes a record and then runs `rest`.
    fn logs_and(rest: &str) -> Spawn<Command> {
        let mut frame = Vec::new();
        LogRecord::new(Level::Info, "worker", "ready").encode_frame(&mut frame);
        let octal: String = frame.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(
            "fd=${{RECORD_PIPE#v1:}}; printf '{octal}' >/proc/self/fd/${{fd%%:*}}; {rest}"
        ));
        Spawn::new(command).via(Via::Stdin)
    }

    #[test]
    fn a_child_that_never_ends_is_killed_when_its_time_is_over() {
        // The second child closes its pipe, so that only its exit is waited for.
        for rest in ["exec sleep 1000000", "exec <&-; exec sleep 1000000"] {
            let (_, summary) =
                collect_within(Duration::from_millis(20), logs_and(rest), 10).unwrap();
            let text = summary.to_string();
            assert!(text.ends_with("signal: 9 (SIGKILL)"), "{text}");
            assert_ne!(summary.end, StreamEnd::Clean);
        }
    }
}
