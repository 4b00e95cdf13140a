//! Starts a scenario of the helper program, collects its records, and ends a test that takes too long.

// By its path, because `clients` uses this file too.
#[path = "support/files.rs"]
mod files;

use std::{
    ffi::OsStr,
    fmt::Display,
    fs::File,
    future::Future,
    io::Write,
    os::{fd::AsFd, unix::fs::MetadataExt},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::{ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use pipe_subscriber::{ChildPipe, LogRecord, PipeSubscriber, Spawn, StreamEnd, Summary};
use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    net::unix::pipe::Receiver,
    process::{Child, ChildStdin, ChildStdout, Command},
};

pub(crate) use files::{Errors, Tape, temporary};

/// The longest time of a test; none should take a tenth of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The bytes of the buffer that children are offered, unless the tests run with direct delivery.
#[cfg(feature = "shared-buffer")]
const BUFFER: usize = 1024 * 1024;

/// Runs the body of a test and ends it at the [`LIMIT`].
pub(crate) fn within<F: Future>(body: F) -> F::Output {
    let _alive = watch();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let timed = async { tokio::time::timeout(LIMIT, body).await };
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(timed)));
    runtime.shutdown_background();
    match result {
        Ok(Ok(output)) => output,
        Ok(Err(_)) => panic!("it did not end within {LIMIT:?}"),
        Err(panic) => resume_unwind(panic),
    }
}

/// Aborts all tests if a test never lets its runtime run, which then cannot end it.
pub(crate) fn watch() -> Sender<()> {
    let (alive, watched) = mpsc::channel::<()>();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if watched.recv_timeout(2 * LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _nobody_reads = writeln!(std::io::stderr(), "{test} does not end");
            std::process::abort();
        }
    });
    alive
}

/// A child to be started.
pub(crate) struct Scenario {
    command: Command,
    errors: Errors,
}

/// A scenario of the helper program.
pub(crate) fn scenario(name: &str) -> Scenario {
    program(env!("CARGO_BIN_EXE_e2e-child")).arg(name)
}

/// A scenario about the pipe: its child uses no shared buffer, whatever the tests run with.
pub(crate) fn piped(name: &str) -> Scenario {
    scenario(name).env("E2E_DELIVERY", "direct")
}

/// Any program.
pub(crate) fn program(program: impl AsRef<OsStr>) -> Scenario {
    let errors = Errors::new();
    let mut command = Command::new(program);
    let variables = [
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "NO_COLOR",
        "RECORD_PIPE",
        "RECORD_PIPE_FILTER",
        "RUST_BACKTRACE",
        "RUST_LOG",
    ];
    for variable in variables {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors.file())
        .kill_on_drop(true);
    Scenario { command, errors }
}

impl Scenario {
    pub(crate) fn arg(mut self, arg: impl Display) -> Self {
        self.command.arg(arg.to_string());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub(crate) fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Runs `calls` in the new process before its program starts. They may make system calls and nothing else.
    pub(crate) fn before(mut self, calls: impl Fn() + Send + Sync + 'static) -> Self {
        let hook = move || {
            calls();
            Ok(())
        };
        // SAFETY: by the above.
        unsafe { self.command.pre_exec(hook) };
        self
    }

    /// Starts the process with these signals ignored.
    pub(crate) fn ignoring(self, signals: &'static [Signal]) -> Self {
        self.disposing(signals, libc::SIG_IGN)
    }

    /// Starts the process as from a terminal: the parent of the tests may ignore signals, as `nohup` does.
    pub(crate) fn ignoring_nothing(self) -> Self {
        const STOPPING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];
        self.disposing(&STOPPING, libc::SIG_DFL)
    }

    fn disposing(self, signals: &'static [Signal], disposition: usize) -> Self {
        self.before(move || {
            for signal in signals {
                // SAFETY: no handler is set.
                unsafe { libc::signal(signal.as_raw(), disposition) };
            }
        })
    }

    /// Runs the child with a record pipe to its end.
    pub(crate) fn run(self) -> Outcome {
        within(async { self.start().finish().await })
    }

    /// Starts the child with a record pipe and the filter `trace`. Nothing is read yet.
    pub(crate) fn start(self) -> Running {
        self.start_as(|spawn| spawn.filter("trace"))
    }

    pub(crate) fn start_as(self, how: impl FnOnce(Spawn<Command>) -> Spawn<Command>) -> Running {
        let spawned = how(offer_buffer(Spawn::new(self.command))).spawn();
        let (child, logs) = spawned.expect("a child");
        Running::new(child, logs, self.errors)
    }

    /// Starts the child without `spawn`: the pipe is its stdin, and it gets no filter.
    pub(crate) fn start_by_hand(mut self) -> Running<Receiver> {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        self.command.env("RECORD_PIPE", address(0, &write_end));
        self.command.stdin(write_end);
        let child = self.command.spawn().expect("a child");
        let receiver = Receiver::from_owned_fd(read_end.into()).expect("a pipe");
        // The command still holds a write end.
        drop(self.command);
        Running::new(child, PipeSubscriber::new(receiver), self.errors)
    }

    /// Runs the child without a record pipe to its end. Returns its status, stdout and stderr.
    pub(crate) fn run_alone(mut self) -> (ExitStatus, String, String) {
        within(async {
            let mut child = self.command.spawn().expect("a child");
            let mut talk = Talk::of(&mut child);
            let (status, out) = tokio::join!(child.wait(), talk.rest());
            (status.expect("a status"), out, self.errors.text())
        })
    }

    pub(crate) fn into_command(self) -> (Command, Errors) {
        (self.command, self.errors)
    }
}

/// Whether children are offered a buffer.
pub(crate) fn has_buffer() -> bool {
    let is_direct = std::env::var_os("E2E_DELIVERY").is_some_and(|delivery| delivery == "direct");
    cfg!(feature = "shared-buffer") && !is_direct
}

#[cfg(feature = "shared-buffer")]
fn offer_buffer(spawn: Spawn<Command>) -> Spawn<Command> {
    spawn.buffer(if has_buffer() { BUFFER } else { 0 })
}

#[cfg(not(feature = "shared-buffer"))]
fn offer_buffer(spawn: Spawn<Command>) -> Spawn<Command> {
    spawn
}

/// Returns the value of `RECORD_PIPE` for this pipe under this number.
pub(crate) fn address(number: u32, pipe: &impl AsFd) -> String {
    let file = File::from(pipe.as_fd().try_clone_to_owned().expect("a descriptor"));
    let metadata = file.metadata().expect("fstat");
    format!("v1:{number}:{}:{}", metadata.dev(), metadata.ino())
}

/// A started child of which nothing has been read.
pub(crate) struct Running<R = ChildPipe> {
    pub(crate) child: Child,
    pub(crate) logs: PipeSubscriber<R>,
    pub(crate) talk: Talk,
    pub(crate) errors: Errors,
    pub(crate) pid: u64,
}

impl<R: AsyncRead + Unpin> Running<R> {
    pub(crate) fn new(mut child: Child, logs: PipeSubscriber<R>, errors: Errors) -> Self {
        Self {
            pid: child
                .id()
                .expect("a child that nobody has waited for")
                .into(),
            talk: Talk::of(&mut child),
            child,
            logs,
            errors,
        }
    }

    pub(crate) fn logs(mut self, set: impl FnOnce(PipeSubscriber<R>) -> PipeSubscriber<R>) -> Self {
        self.logs = set(self.logs);
        self
    }

    /// Reads everything; the child gets no more input.
    pub(crate) async fn finish(self) -> Outcome {
        self.finish_with(|_| {}).await
    }

    /// Reads everything and calls `f` with each record. The subscriber catches a panic of `f`.
    pub(crate) async fn finish_with(mut self, mut f: impl FnMut(&LogRecord<'_>)) -> Outcome {
        self.talk.input = None;
        let mut records = Vec::new();
        let run = self.logs.run_with(|record| {
            records.push(record.clone().into_owned());
            f(record);
        });
        let (summary, status) = tokio::join!(run, self.child.wait());
        Outcome {
            summary: summary.expect("no read error"),
            status: status.expect("a status"),
            records,
            pid: self.pid,
            talk: self.talk,
            errors: self.errors,
        }
    }
}

/// The child's stdin and stdout.
pub(crate) struct Talk {
    pub(crate) input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Talk {
    pub(crate) fn of(child: &mut Child) -> Self {
        Self {
            input: child.stdin.take(),
            output: child.stdout.take().map(BufReader::new),
        }
    }

    /// Sends a line to a child that waits for its stdin.
    pub(crate) async fn go(&mut self) {
        let input = self.input.as_mut().expect("a stdin");
        input.write_all(b"\n").await.expect("a child that listens");
    }

    /// Returns the next line of the child's stdout; an empty one after the last.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let output = self.output.as_mut().expect("a stdout");
        output.read_line(&mut line).await.expect("a stdout");
        line.truncate(line.trim_end().len());
        line
    }

    /// Returns all lines up to the end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = String::new();
        if let Some(output) = &mut self.output {
            while output.read_line(&mut text).await.expect("a stdout") > 0 {}
        }
        text
    }
}

/// The records, the summary and the exit of a child with a pipe.
pub(crate) struct Outcome {
    pub(crate) records: Vec<LogRecord<'static>>,
    pub(crate) summary: Summary,
    pub(crate) status: ExitStatus,
    pub(crate) pid: u64,
    pub(crate) talk: Talk,
    pub(crate) errors: Errors,
}

impl Outcome {
    /// Asserts that the child exited with 0, that its stream is clean, and that no record is lost or malformed.
    #[track_caller]
    pub(crate) fn assert_complete(&self) {
        assert!(self.status.success(), "{}", self.status);
        self.assert_nothing_lost(StreamEnd::Clean);
    }

    #[track_caller]
    pub(crate) fn assert_nothing_lost(&self, end: StreamEnd) {
        let summary = &self.summary;
        assert_eq!(summary.received, self.records.len() as u64, "{summary}");
        let lost = [
            summary.dropped,
            summary.missing,
            summary.malformed,
            summary.unknown,
            summary.incomplete,
            summary.logger_panics,
        ];
        assert_eq!(lost, [0; 6], "{summary}: {:?}", summary.reasons);
        assert_eq!(summary.end, end, "{summary}");
    }

    pub(crate) fn messages(&self) -> Vec<&str> {
        self.records.iter().map(|record| &*record.message).collect()
    }

    /// Returns the records of one process.
    pub(crate) fn of(&self, pid: u64) -> Vec<&LogRecord<'static>> {
        let own = |record: &&LogRecord<'_>| record.pid == Some(pid);
        self.records.iter().filter(own).collect()
    }
}

/// Asserts that `init-or` printed on stderr that it took the fallback for this reason.
#[track_caller]
pub(crate) fn assert_fallback(errors: &str, reason: &str) {
    let mut lines = errors.lines();
    // A pipe that cannot be taken is reported; a missing one is not.
    if reason != "Absent" {
        let warned = lines.next().unwrap_or_default();
        assert!(warned.starts_with("fallback: no record pipe: "), "{errors}");
    }
    let said = lines.next().unwrap_or_default();
    let expected = format!("init_or: the fallback, {reason}: ");
    assert!(said.starts_with(&expected), "{errors}");
    assert_eq!(lines.next(), Some("fallback: after init_or"), "{errors}");
}

/// Returns an integer among the key-values.
#[track_caller]
pub(crate) fn number(record: &LogRecord<'_>, key: &str) -> u64 {
    let value = record.key_values.get(key);
    let text = value.unwrap_or_else(|| panic!("no {key:?} in {record:?}"));
    text.to_string().parse().expect("a number")
}

/// Returns the same text as the function of the helper program.
pub(crate) fn pattern(length: usize, start: usize) -> String {
    let letter = |place: usize| char::from(b'a' + u8::try_from(place % 23).expect("small"));
    (start..start + length).map(letter).collect()
}
