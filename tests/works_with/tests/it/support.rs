//! Runs a parent and ends a test that takes too long.

use std::{
    future::Future,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::process::Command;

/// The longest time of a test; none should take a tenth of it.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the body of a test.
pub(crate) fn within<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let output = runtime.block_on(async { tokio::time::timeout(LIMIT, body).await });
    runtime.shutdown_background();
    output.unwrap_or_else(|_| panic!("it did not end within {LIMIT:?}"))
}

/// The command that starts the parent with this logger.
pub(crate) fn parent(logger: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_works-with"));
    command.arg(logger);
    command
}

/// A parent that has ended.
pub(crate) struct Finished {
    pub(crate) stderr: String,
    /// The times between which its child logged, by the child's clock. The parent's logger got the records later.
    pub(crate) logged: [SystemTime; 2],
}

impl Finished {
    /// Runs a parent to its end, which must be a success.
    pub(crate) async fn of(command: Command) -> Self {
        Self::with_stderr(command, Stdio::piped()).await
    }

    /// The same for a parent whose stderr is read elsewhere.
    pub(crate) async fn with_stderr(mut command: Command, stderr: Stdio) -> Self {
        for variable in ["RECORD_PIPE", "RECORD_PIPE_FILTER", "RUST_LOG", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true);
        let parent = command.spawn().expect("it starts");
        let output = parent.wait_with_output().await.expect("its end");
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
        assert!(output.status.success(), "{}: {stderr}", output.status);
        let logged: Vec<_> = stdout.split_whitespace().map(time).collect();
        Self {
            stderr,
            logged: logged.try_into().expect("two times"),
        }
    }

    /// Returns the lines of stderr, with `TIME` for each time of the child.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.stderr.lines().map(|line| self.masked(line)).collect()
    }

    /// Returns the text with `TIME` for each time of the child. Any other time with nanoseconds is an error.
    pub(crate) fn masked(&self, text: &str) -> String {
        const LENGTH: usize = "2026-11-28T05:39:01.529585216Z".len();
        let mut masked = text.to_owned();
        let parsed = |text: &str, at| humantime::parse_rfc3339(text.get(at..at + LENGTH)?).ok();
        while let Some((at, time)) =
            (0..masked.len()).find_map(|at| Some((at, parsed(&masked, at)?)))
        {
            self.assert_childs(time);
            masked.replace_range(at..at + LENGTH, "TIME");
        }
        masked
    }

    pub(crate) fn assert_childs(&self, time: SystemTime) {
        let [first, last] = self.logged;
        assert!(
            (first..=last).contains(&time),
            "the child logged from {first:?} to {last:?}, not at {time:?}"
        );
    }
}

/// Reads nanoseconds since 1970.
pub(crate) fn time(nanoseconds: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds.parse().expect("a number"))
}
