//! A realistic job: worker processes read files, and each file becomes one record of typed values.
//!
//! ```text
//! cargo run --release --example index_files -- --workers 4 /usr/include
//! ```
//!
//! The parent walks the directories. It writes the path of each regular file, followed by a NUL, to the standard input of
//! one of its workers. A worker answers each path, in the same order, with one log record and writes nothing else. The
//! record has the bytes, lines and words of the file and its SHA-256, or an error and its cause. Symbolic links are not
//! followed; sockets, pipes and devices are skipped and counted.
//!
//! The exit code is 1 if a file got no record, a worker failed, one of the given paths cannot be read at all or the
//! table cannot be printed. A file or directory inside a given path that cannot be read is reported, but is not a
//! failure. Neither is a pager that is closed before the end of the table.
//!
//! The files of this example: `walk.rs` finds the files, `worker_process.rs` sends their paths to a worker and receives its records,
//! `worker.rs` is the worker and `file_stats.rs` reads a file there. `report.rs` holds the result of a worker, `results.rs`
//! and `progress.rs` show it.

mod file_stats;
mod progress;
mod report;
mod results;
mod walk;
mod worker;
mod worker_process;

#[path = "../support/before_main.rs"]
mod before_main;
#[path = "../support/inherited.rs"]
mod inherited;
#[path = "../support/options.rs"]
mod options;
#[path = "../support/runtime.rs"]
mod runtime;
#[path = "../support/stdio.rs"]
mod stdio;
#[path = "../support/table.rs"]
mod table;
#[path = "../support/text/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other programs print more")]
mod text;

use std::{
    io::{self, ErrorKind, Write},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    thread,
};

use clap::Parser;
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    task::JoinHandle,
};

use progress::Progress;
use report::Report;
use walk::WalkCounts;
use worker_process::WorkerProcess;

/// The exit code if the options are wrong.
const USAGE: u8 = 2;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(
    about = "Counts lines, words and bytes of files and hashes them, in worker processes",
    after_help = "Example: index_files --workers 4 /usr/include"
)]
struct Options {
    /// How many processes read files; by default one for each core
    #[arg(long)]
    workers: Option<NonZeroUsize>,
    /// Files and directories
    #[arg(required_unless_present = "worker", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Be a worker
    #[arg(long, hide = true)]
    worker: bool,
}

fn main() -> ExitCode {
    let options: Options = match options::options(USAGE) {
        Ok(options) => options,
        Err(code) => return ExitCode::from(code),
    };
    let result = match options.worker {
        true => worker::run().map(|()| ExitCode::SUCCESS),
        false => index(options),
    };
    result.unwrap_or_else(|error| {
        stdio::eprint_line(format_args!("index_files: {error}"));
        ExitCode::FAILURE
    })
}

fn index(options: Options) -> Result<ExitCode, Error> {
    inherited::install_handlers()?;
    runtime::runtime()?.block_on(index_in_workers(options))
}

async fn index_in_workers(options: Options) -> Result<ExitCode, Error> {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let count = options.workers.unwrap_or_else(cores).get();
    let progress = Progress::new();

    // Bounded: the walk waits for the workers instead of holding all paths of a large tree.
    let (found, paths) = mpsc::channel(1024);
    let workers = start_workers(count, paths, &progress)?;
    let walk = start_walk(options.paths, found, progress.clone())?;

    let mut reports = Vec::new();
    for worker in workers {
        reports.push(worker.await??);
    }
    let counts = walk.await?;
    progress.finish();

    print_results(&counts, &reports)?;
    let answered: u64 = reports.iter().map(|report| report.totals.files).sum();
    let is_complete = counts.unreadable_roots == 0
        && answered == counts.files
        && reports.iter().all(Report::is_success);
    Ok(match is_complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Starts `count` workers, which share the receiver: the walk ends early if no worker is left to hold it.
fn start_workers(
    count: usize,
    paths: mpsc::Receiver<PathBuf>,
    progress: &Progress,
) -> Result<Vec<JoinHandle<Result<Report, Error>>>, Error> {
    let paths = Arc::new(AsyncMutex::new(paths));
    let mut workers = Vec::new();
    for number in 1..=count {
        let worker = WorkerProcess::start(number, progress.clone())
            .map_err(|error| format!("cannot start worker {number}: {error}"))?;
        workers.push(tokio::spawn(worker.run(Arc::clone(&paths))));
    }
    Ok(workers)
}

/// Walks on a thread, because reading directories blocks.
fn start_walk(
    roots: Vec<PathBuf>,
    found: mpsc::Sender<PathBuf>,
    progress: Progress,
) -> io::Result<oneshot::Receiver<WalkCounts>> {
    let (done, counts) = oneshot::channel();
    thread::Builder::new()
        .name("walk".to_owned())
        .spawn(move || done.send(walk::walk(&roots, &found, &progress)))?;
    Ok(counts)
}

fn print_results(counts: &WalkCounts, reports: &[Report]) -> Result<(), Error> {
    let table = results::table(reports);
    let figures = results::figures(counts, reports);
    let screen = text::Screen::stdout();
    let lines = figures.lines().map(|line| screen.folded(line) + "\n");
    let lines: String = lines.collect();
    let printed = stdio::unless_closed(rustix::stdio::stdout())
        .and_then(|mut stdout| stdout.write_all(format!("{table}\n{lines}").as_bytes()));
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            stdio::eprint_line(figures.trim_end());
            Err(format!("cannot print: {error}").into())
        }
        _ => Ok(()),
    }
}
