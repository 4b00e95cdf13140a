//! Runs any program with a record pipe and prints its records.
//!
//! ```text
//! cargo build --examples
//! cargo run --example run_child -- --label w1 -- target/debug/examples/emit --records 3
//! cargo run --example run_child -- --capture -- sh -c 'echo ready; echo "ERROR no disk" >&2'
//! ```
//!
//! With `--check`, it runs the program in several scenarios instead, and says what is wrong with what the program writes,
//! for people who write a client in another language: `examples/clients/conformance/README.md`. It then exits with 1 if
//! it has found something.
//!
//! Programs with Python's `logbook_aiopipe` are read by `--input logbook`; they find their pipe by `LOGBOOK_PIPE`.
//!
//! The exit codes are those of env(1) and timeout(1):
//!
//! - the child's own exit code,
//! - 128 plus the number of the signal that killed the child,
//! - 127 if the program does not exist, 126 if it cannot be executed,
//! - 125 if run_child itself failed, however the child ended: wrong options, too few descriptors, or records that could
//!   not be printed or stored. A reader of the output that is gone, such as a pager, is not a failure.
//!
//! SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to the child. Then the remaining records up to the child's end and
//! the summary are printed. If another process still holds the pipe after that, a second signal ends the wait for it.

mod check;
#[path = "../support/exit_codes.rs"]
mod exit_codes;
mod input;
mod logbook;
#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/signals.rs"]
mod signals;
#[path = "../support/store.rs"]
mod store;
#[path = "../support/mod.rs"]
mod support;

use std::{
    ffi::OsString,
    fmt::{self, Write},
    hint::black_box,
    io,
    os::fd::AsFd,
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use log::{LevelFilter, Log, Metadata, Record, kv};
use pipe_subscriber::{LogRecord, PipeSubscriber, ReadError, Spawn, Streams, Summary};
use tokio::{
    process::{Child, Command},
    time::{Instant, timeout, timeout_at},
};
use tokio_stream::StreamExt;

use check::CheckOptions;
use exit_codes::{OWN_FAILURE, exit_code, not_started};
use input::{Input, spawn_logbook};
use runtime::runtime;
use signals::{Signals, keep_sigpipe_ignored};
use store::Store;
use support::{Filter, Format, Printer, TextOptions, eprint_line, inherited, options};

/// After a signal that ends the wait: how long the pipe must be silent for its contents to count as read.
const SILENCE: Duration = Duration::from_millis(100);
/// After such a signal: how long the reading of the contents may take.
const REST_LIMIT: Duration = Duration::from_secs(1);

#[derive(Parser)]
#[command(
    about = "Runs a program with a record pipe and prints its records",
    after_help = "Examples: run_child --label w1 --filter info -- target/debug/examples/emit --records 3
          run_child --check -- python3 child.py      (examples/clients/conformance/README.md)"
)]
struct Options {
    #[arg(long, value_enum, default_value = "text")]
    format: Output,
    #[command(flatten)]
    text: TextOptions,
    /// What the program writes into the pipe
    #[arg(long, value_enum, default_value = "frames", conflicts_with_all = ["via", "filter", "capture"])]
    input: Input,
    /// How the program gets the pipe: as a descriptor of its own, or as its standard input
    #[arg(long, value_enum, default_value = "fd")]
    via: Via,
    /// A name for the child, which stands in each record
    #[arg(long)]
    label: Option<String>,
    /// What the child should log: a level or directives such as info,worker::db=debug
    #[arg(long, default_value = "trace", value_parser = filter)]
    filter: String,
    /// A file in which the received frames are stored, for record_cat
    #[arg(long, value_name = "FILE")]
    tee: Option<PathBuf>,
    /// Makes records of the lines that the program writes to its stdout and stderr, too: for programs without pipe-handler
    #[arg(long)]
    capture: bool,
    /// The bytes of memory that the program may log into instead of the pipe; 0 for none. 8 MiB if it is not given; none
    /// with --via stdin and with --check
    #[arg(long, value_name = "BYTES")]
    buffer: Option<usize>,
    /// How long to go on reading after the child's exit while another process holds the pipe
    #[arg(long, value_name = "N", default_value_t = 2000)]
    grace_ms: u64,
    #[command(flatten)]
    check: CheckOptions,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    /// A line for each record, safe on a terminal
    Text,
    /// A JSON object for each record, with the original text; the child's stdout goes to stderr, unless it is captured
    Json,
    /// Only the summary: each record is decoded and read by a logger that prints nothing
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Via {
    Fd,
    Stdin,
}

fn main() -> ExitCode {
    let code = options(OWN_FAILURE).and_then(|options| {
        run(options).map_err(|error| {
            eprint_line(format_args!("run_child: {error}"));
            OWN_FAILURE
        })
    });
    ExitCode::from(code.unwrap_or_else(|code| code))
}

fn run(options: Options) -> io::Result<u8> {
    if let Some(is_ok) = options.check.run(
        &options.command,
        &options.filter,
        options.buffer.unwrap_or(0),
    )? {
        return Ok(u8::from(!is_ok));
    }
    // Before the child is started, so that it does not run for nothing if the file cannot be created.
    let tee = options.tee.as_deref().map(Store::create).transpose()?;
    inherited::install_handlers()?;
    let signals = Signals::catch()?;
    runtime()?.block_on(run_and_read(options, tee, signals))
}

async fn run_and_read(
    options: Options,
    tee: Option<Store>,
    mut signals: Signals,
) -> io::Result<u8> {
    let (mut child, mut logs) = match spawn(&options) {
        Ok(spawned) => spawned,
        Err(error) => {
            let program = options.command[0].display();
            eprint_line(format_args!("run_child: cannot start {program}: {error}"));
            return Ok(not_started(&error));
        }
    };
    if let Some(store) = &tee {
        logs = logs.tee(store.clone());
    }

    let mut printer = Printer::new(
        options.format.printed(),
        &options.text,
        options.label,
        Filter::default(),
    );
    let format = options.format;
    let status = read_until_exit(&mut logs, &mut child, &mut signals, &mut printer, format).await;
    let print = |record: &LogRecord<'_>| match format {
        Output::None => {}
        Output::Text | Output::Json => printer.record(record),
    };
    let summary = read_rest(logs, print, &mut signals)
        .await
        .unwrap_or_else(|error| {
            eprint_line(format_args!("run_child: {error}: {}", error.source));
            *error.summary
        });

    let unstored = tee.is_some_and(|store| store.has_failed());
    let exit = match status {
        _ if printer.has_failed() || unstored => OWN_FAILURE,
        Ok(status) => exit_code(status),
        Err(error) => {
            eprint_line(format_args!(
                "run_child: cannot tell how the child ended: {error}"
            ));
            OWN_FAILURE
        }
    };
    printer.summary(&summary, Some(exit));
    // Once more, because printing the summary may have failed.
    match printer.has_failed() {
        true => Ok(OWN_FAILURE),
        false => Ok(exit),
    }
}

fn spawn(options: &Options) -> io::Result<(Child, PipeSubscriber)> {
    let grace = Duration::from_millis(options.grace_ms);
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    keep_sigpipe_ignored(&mut command);
    if options.format == Output::Json && !options.capture {
        command.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
    }
    if options.input == Input::Logbook {
        let mut prepare = Spawn::prepare().filter(&options.filter).grace(grace);
        if let Some(label) = &options.label {
            prepare = prepare.label(label);
        }
        return spawn_logbook(command, prepare);
    }
    let mut spawn = Spawn::new(command)
        .filter(&options.filter)
        .grace(grace)
        .via(match options.via {
            Via::Fd => pipe_subscriber::Via::Fd,
            Via::Stdin => pipe_subscriber::Via::Stdin,
        });
    if let Some(bytes) = options.buffer {
        spawn = spawn.buffer(bytes);
    }
    if options.capture {
        spawn = spawn.capture(Streams::both().recognise_levels());
    }
    if let Some(label) = &options.label {
        spawn = spawn.label(label);
    }
    spawn.spawn()
}

/// Reads records and waits for the child's exit at the same time: a child that waits for room in its pipe would otherwise
/// never exit.
async fn read_until_exit(
    logs: &mut PipeSubscriber,
    child: &mut Child,
    signals: &mut Signals,
    printer: &mut Printer,
    format: Output,
) -> io::Result<ExitStatus> {
    let exit = signals.wait_for(child);
    match format {
        Output::None => logs.run_into_until(SilentLogger, exit).await,
        Output::Text | Output::Json => {
            logs.run_with_until(|record| printer.record(record), exit)
                .await
        }
    }
}

/// Reads the rest after the child's exit: up to the end of the pipe or of the grace period, or until a termination signal
/// asks not to wait.
async fn read_rest(
    logs: PipeSubscriber,
    mut print: impl FnMut(&LogRecord<'_>),
    signals: &mut Signals,
) -> Result<Summary, ReadError> {
    let mut records = logs.records();
    let to_the_end = async {
        while let Some(record) = records.next().await {
            print(&record);
        }
    };
    tokio::select! {
        () = to_the_end => return records.into_summary(),
        () = signals.wait_for_termination() => {}
    }
    // The records that are in the pipe already.
    let end = Instant::now() + REST_LIMIT;
    while let Ok(Ok(Some(record))) = timeout_at(end, timeout(SILENCE, records.next())).await {
        print(&record);
    }
    records.into_summary()
}

impl Output {
    /// Returns the format of the output. With `None` that is only the summary.
    fn printed(self) -> Format {
        match self {
            Self::Text | Self::None => Format::Text,
            Self::Json => Format::Json,
        }
    }
}

/// Checks a filter more strictly than the child does, which takes a single word that is not a level for a target and sends
/// all records of that target and no others.
fn filter(text: &str) -> Result<String, String> {
    let level = |text: &str| match text.trim().parse::<LevelFilter>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{text:?} is no level: off, error, warn, info, debug or trace"
        )),
    };
    for directive in text.split(',') {
        match directive.split_once('=') {
            None => level(directive)?,
            Some((target, after)) if is_target(target.trim()) => level(after)?,
            Some((target, _)) => return Err(format!("{target:?} is no target")),
        }
    }
    Ok(text.to_owned())
}

fn is_target(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', ';', '/'])
}

/// A logger that reads every field and writes nothing, so that a measurement shows the cost of the pipe alone.
struct SilentLogger;

impl Log for SilentLogger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        black_box((record.level(), record.target()));
        black_box((record.module_path(), record.file(), record.line()));
        // Its `write_str` never fails.
        let _never_fails = write!(SilentLogger, "{}", record.args());
        let _never_fails = record.key_values().visit(&mut SilentLogger);
    }

    fn flush(&self) {}
}

impl Write for SilentLogger {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

impl<'kvs> kv::VisitSource<'kvs> for SilentLogger {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        black_box(key.as_str());
        write!(self, "{value}")?;
        Ok(())
    }
}
