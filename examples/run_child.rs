//! Runs any program with a record pipe and prints its records.
//!
//! ```text
//! cargo build --examples
//! cargo run --example run_child -- --label w1 -- target/debug/examples/emit --records 3
//! ```
//!
//! It ends with the child's own exit code, with 128 and the signal's number where the child was killed by one, with
//! 127 where the program could not be started and with 125 where something of its own went wrong: the records could not
//! be printed or stored, for example.

mod support;

use std::{
    ffi::OsString,
    fmt::{self, Write},
    fs::File,
    hint::black_box,
    io::{self, BufWriter},
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::{Parser, ValueEnum};
use log::{Log, Metadata, Record, kv};
use pipe_subscriber::{PipeSubscriber, ReadError, Spawn, Summary};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};

use support::{Format, Printer, say};

/// As timeout(1) and env(1) have them.
const OWN_FAILURE: u8 = 125;
const NOT_STARTED: u8 = 127;

#[derive(Parser)]
#[command(about = "Runs a program with a record pipe and prints its records")]
struct Options {
    #[arg(long, value_enum, default_value = "text")]
    format: Output,
    /// How the program gets the pipe: as a descriptor of its own, or as its standard input
    #[arg(long, value_enum, default_value = "fd")]
    via: Via,
    /// A name for the child, which stands in each record
    #[arg(long)]
    label: Option<String>,
    /// What the child should log: a level or directives such as info,worker::db=debug
    #[arg(long, default_value = "trace")]
    filter: String,
    /// A file in which the received frames are stored, for record_cat
    #[arg(long, value_name = "FILE")]
    tee: Option<PathBuf>,
    /// How long to go on reading after the child's exit while another process holds the pipe
    #[arg(long, value_name = "N", default_value_t = 2000)]
    grace_ms: u64,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    /// A line for each record, safe on a terminal
    Text,
    /// A JSON object for each record, with the original text; the child's stdout goes to stderr
    Json,
    /// Only the summary: each record is decoded and read by a logger that prints nothing
    None,
}

#[derive(Clone, Copy, ValueEnum)]
enum Via {
    Fd,
    Stdin,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(format_args!("run_child: {error}"));
            ExitCode::from(OWN_FAILURE)
        }
    }
}

async fn run(options: Options) -> io::Result<u8> {
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    if options.format == Output::Json {
        command.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
    }
    // Before the child is there: a file that cannot be made should not cost a run.
    let tee = options.tee.as_deref().map(create).transpose()?;
    // The terminal's Ctrl-C is for the child; its last records and the summary are still wanted.
    let _interrupts = signal(SignalKind::interrupt())?;

    let mut spawn = Spawn::new(command)
        .filter(options.filter)
        .grace(Duration::from_millis(options.grace_ms))
        .via(match options.via {
            Via::Fd => pipe_subscriber::Via::Fd,
            Via::Stdin => pipe_subscriber::Via::Stdin,
        });
    if let Some(label) = &options.label {
        spawn = spawn.label(label);
    }
    let (mut child, mut logs) = match spawn.spawn() {
        Ok(spawned) => spawned,
        Err(error) => {
            let program = options.command[0].display();
            say(format_args!("run_child: cannot start {program}: {error}"));
            return Ok(NOT_STARTED);
        }
    };
    let unstored = Arc::new(AtomicBool::new(false));
    if let Some(file) = tee {
        logs = logs.tee(Store {
            file: BufWriter::new(file),
            failed: Arc::clone(&unstored),
        });
    }

    // Both at once: a child that waits for room in its pipe would never exit.
    let mut printer = Printer::new(options.format.printed(), options.label);
    let (status, read) = tokio::join!(child.wait(), options.format.read(logs, &mut printer));
    let summary = read.unwrap_or_else(|error| {
        say(format_args!("run_child: {error}: {}", error.source));
        *error.summary
    });
    let exit = match printer.has_failed() || unstored.load(Ordering::Relaxed) {
        true => OWN_FAILURE,
        false => exit_code(status?),
    };
    printer.summary(&summary, Some(exit));
    // It may be the summary that cannot be printed.
    match printer.has_failed() {
        true => Ok(OWN_FAILURE),
        false => Ok(exit),
    }
}

/// Where the frames are stored. Why that failed is among the reasons of the summary; that it failed is wanted here, too.
struct Store {
    file: BufWriter<File>,
    failed: Arc<AtomicBool>,
}

impl Store {
    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }
}

impl io::Write for Store {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stored = self.file.write_all(bytes).map(|()| bytes.len());
        self.note(stored)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.note(flushed)
    }
}

fn create(path: &Path) -> io::Result<File> {
    let named = |error| io::Error::other(format!("cannot create {}: {error}", path.display()));
    File::create(path).map_err(named)
}

impl Output {
    /// What is printed, if only the summary.
    fn printed(self) -> Format {
        match self {
            Self::Text | Self::None => Format::Text,
            Self::Json => Format::Json,
        }
    }

    async fn read(self, logs: PipeSubscriber, printer: &mut Printer) -> Result<Summary, ReadError> {
        match self {
            Self::Text | Self::Json => logs.run_with(|record| printer.record(record)).await,
            Self::None => logs.run_into(Reader).await,
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128 + signal as u8,
        (None, None) => OWN_FAILURE,
    }
}

/// A logger that does all the reading of a logger and none of the writing: what is left is the cost of the pipe.
struct Reader;

impl Log for Reader {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        black_box((record.level(), record.target()));
        black_box((record.module_path(), record.file(), record.line()));
        // Texts are all that is written, and `Reader` takes every text.
        let _never_fails = write!(Reader, "{}", record.args());
        let _never_fails = record.key_values().visit(&mut Reader);
    }

    fn flush(&self) {}
}

impl Write for Reader {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        Ok(())
    }
}

impl<'kvs> kv::VisitSource<'kvs> for Reader {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        black_box(key.as_str());
        write!(self, "{value}")?;
        Ok(())
    }
}
