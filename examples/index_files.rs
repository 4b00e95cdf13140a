//! The real job: worker processes read files, and each file is one record of typed values.
//!
//! ```text
//! cargo run --release --example index_files -- --workers 4 /usr/include
//! ```
//!
//! The parent walks the directories and writes the paths of regular files, each ended by a NUL, to its workers'
//! standard input. A worker answers through its logger and nothing else, in the order of its paths: how many bytes,
//! lines and words a file has and its SHA-256, or an error and its cause. Symbolic links are not followed; sockets,
//! pipes and devices are skipped and counted.
//!
//! The exit code is 1 if a file got no record, a worker failed, one of the given paths cannot be read at all or the
//! table cannot be printed. A file or directory below it that cannot be read is reported, and no failure; a pager that
//! does not want to see all of the table is none either.

use std::{
    collections::VecDeque,
    env,
    ffi::OsString,
    fmt::{self, Display},
    fs::OpenOptions,
    future::pending,
    io::{self, BufRead, ErrorKind, Read, Write},
    num::NonZeroUsize,
    ops::AddAssign,
    os::unix::{ffi::OsStrExt, ffi::OsStringExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use clap::Parser;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use log::{Level, LevelFilter};
use pipe_subscriber::{LogRecord, PipeSubscriber, Spawn, Summary};
use record_proto::Value;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot},
};
use walkdir::WalkDir;

#[path = "support/before_main.rs"]
mod before_main;
#[path = "support/inherited.rs"]
mod inherited;
#[path = "support/options.rs"]
mod options;
#[path = "support/runtime.rs"]
mod runtime;
#[path = "support/stdio.rs"]
mod stdio;
#[path = "support/text.rs"]
mod text;

/// The target of those records that are the answer to a path.
const ANSWER: &str = "index_files::answer";

/// The exit code if the options are wrong.
const USAGE: u8 = 2;

/// How many paths a worker has in hand: enough that it never waits for the next one, few enough that no worker sits
/// on work which another could do.
const IN_HAND: usize = 16;

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
    let ended = match options.worker {
        true => work().map(|()| ExitCode::SUCCESS),
        false => index(options),
    };
    ended.unwrap_or_else(|error| {
        stdio::say(format_args!("index_files: {error}"));
        ExitCode::FAILURE
    })
}

// ---- The parent ----

fn index(options: Options) -> Result<ExitCode, Error> {
    inherited::settle()?;
    runtime::runtime()?.block_on(hand_out_and_take_in(options))
}

async fn hand_out_and_take_in(options: Options) -> Result<ExitCode, Error> {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let count = options.workers.unwrap_or_else(cores).get();
    let progress = progress_bar();

    // Bounded: the walk waits for the workers instead of holding all paths of a large tree.
    let (found, paths) = mpsc::channel(1024);
    let paths = Arc::new(AsyncMutex::new(paths));
    let mut workers = Vec::new();
    for number in 1..=count {
        let worker = Worker::start(number, progress.clone())
            .map_err(|error| format!("cannot start worker {number}: {error}"))?;
        workers.push(tokio::spawn(worker.run(Arc::clone(&paths))));
    }
    // The workers alone hold it now: without any worker left, the walk ends.
    drop(paths);

    let (walking, walked) = oneshot::channel();
    {
        let progress = progress.clone();
        thread::Builder::new()
            .name("walk".to_owned())
            .spawn(move || walking.send(walk(&options.paths, &found, &progress)))?;
    }
    let mut reports = Vec::new();
    for worker in workers {
        reports.push(worker.await??);
    }
    let walked = walked.await?;
    progress.finish_and_clear();

    let figures = figures(&walked, &reports);
    let printed = stdio::given(rustix::stdio::stdout())
        .and_then(|mut out| out.write_all(format!("{}\n{figures}", table(&reports)).as_bytes()));
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        stdio::say(figures.trim_end());
        return Err(format!("cannot print: {error}").into());
    }
    let answered: u64 = reports.iter().map(|report| report.tally.files).sum();
    let well = walked.unknown_paths == 0
        && answered == walked.files
        && reports.iter().all(Report::is_well);
    Ok(match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What is on the way.
#[derive(Default)]
struct Walked {
    files: u64,
    directories: u64,
    links: u64,
    /// Sockets, pipes and devices.
    others: u64,
    unreadable: u64,
    /// Of the paths that were given, those that are not there or cannot be read.
    unknown_paths: u64,
}

fn walk(roots: &[PathBuf], found: &mpsc::Sender<PathBuf>, progress: &ProgressBar) -> Walked {
    let mut walked = Walked::default();
    for entry in roots
        .iter()
        .flat_map(|root| WalkDir::new(root).follow_root_links(false))
    {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                walked.unreadable += 1;
                walked.unknown_paths += u64::from(error.depth() == 0);
                say(
                    progress,
                    format_args!("index_files: {}", unreadable(&error)),
                );
                continue;
            }
        };
        match entry.file_type() {
            kind if kind.is_file() => {
                walked.files += 1;
                progress.inc_length(1);
                // Nobody takes it where all workers are gone; it is counted, and then it is missed.
                let _nobody = found.blocking_send(entry.into_path());
            }
            kind if kind.is_dir() => walked.directories += 1,
            kind if kind.is_symlink() => walked.links += 1,
            _ => walked.others += 1,
        }
    }
    walked
}

/// As people say it, in one line.
fn unreadable(error: &walkdir::Error) -> String {
    match (error.path(), error.io_error()) {
        (Some(path), Some(reason)) => {
            let path = path.to_string_lossy();
            format!("cannot read {}: {reason}", text::Escaped(&path))
        }
        _ => text::Escaped(&error.to_string()).to_string(),
    }
}

impl Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            directories,
            links,
            others,
            unreadable,
            ..
        } = self;
        write!(f, "found {}", counted(*files, "file", "files"))?;
        write!(f, ", {}", counted(*directories, "directory", "directories"))?;
        for (number, one, more) in [
            (*links, "symbolic link", "symbolic links"),
            (
                *others,
                "socket, pipe or device",
                "sockets, pipes and devices",
            ),
        ] {
            if number > 0 {
                write!(f, "; skipped {}", counted(number, one, more))?;
            }
        }
        match unreadable {
            0 => Ok(()),
            number => write!(f, "; could not look into {}", HumanCount(*number)),
        }
    }
}

/// `1 file`, `4,392 files`.
fn counted(number: u64, one: &str, more: &str) -> String {
    let name = if number == 1 { one } else { more };
    format!("{} {name}", HumanCount(number))
}

/// One worker process, as its parent sees it.
struct Worker {
    number: usize,
    child: Child,
    stdin: ChildStdin,
    logs: PipeSubscriber,
    desk: Desk,
    progress: ProgressBar,
}

/// What a worker has been given and not answered yet.
struct Desk {
    paths: Mutex<VecDeque<PathBuf>>,
    room: Semaphore,
}

/// What became of a worker.
struct Report {
    number: usize,
    pid: u32,
    tally: Tally,
    summary: Summary,
    status: ExitStatus,
    /// Paths that it was given and never answered.
    unanswered: VecDeque<PathBuf>,
}

/// The sums over the records of a worker.
#[derive(Default)]
struct Tally {
    files: u64,
    bytes: u64,
    lines: u64,
    words: u64,
    errors: u64,
}

impl Worker {
    fn start(number: usize, progress: ProgressBar) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("--worker").stdin(Stdio::piped());
        // This process has no logger from whose level the filter could be taken.
        let (mut child, logs) = Spawn::new(command).filter("info").spawn()?;
        Ok(Self {
            number,
            stdin: child.stdin.take().expect("it is piped"),
            child,
            logs,
            desk: Desk {
                paths: Mutex::default(),
                room: Semaphore::new(IN_HAND),
            },
            progress,
        })
    }

    /// Hands out paths and takes in records, until there are no more paths or the worker is gone.
    async fn run(self, paths: Arc<AsyncMutex<mpsc::Receiver<PathBuf>>>) -> Result<Report, Error> {
        let Self {
            number,
            mut child,
            stdin,
            logs,
            desk,
            progress,
        } = self;
        let pid = child.id().expect("it has not been waited for");
        let label = format!("worker {number}");

        let mut tally = Tally::default();
        let take_in = logs.run_with(|record| {
            if record.target == ANSWER {
                tally.add(record);
                desk.take_back();
                progress.inc(1);
            }
            // Errors among the answers, and whatever else a worker has to say: that it panicked, for example.
            if record.target != ANSWER || record.level == Level::Error {
                let label = Some(label.as_str());
                say(&progress, text::Line { record, label });
            }
        });
        let hand_out = async {
            desk.fill(stdin, &paths).await;
            pending().await
        };
        // The records end when the worker does. That ends the handing out too, where it was not done.
        let summary = tokio::select! {
            summary = take_in => summary?,
            never = hand_out => never,
        };
        Ok(Report {
            number,
            pid,
            tally,
            summary,
            status: child.wait().await?,
            unanswered: desk.paths.into_inner()?,
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            pid,
            summary,
            status,
            ..
        } = self;
        write!(f, "worker {number} [{pid}]: {summary}; {status}")
    }
}

impl Desk {
    /// Gives the worker a path whenever it has room for one: so the least busy worker gets the next.
    async fn fill(&self, mut stdin: ChildStdin, paths: &AsyncMutex<mpsc::Receiver<PathBuf>>) {
        // Never closed; the permit comes back with the answer.
        while let Ok(permit) = self.room.acquire().await {
            permit.forget();
            let Some(path) = paths.lock().await.recv().await else {
                break;
            };
            let mut line = path.as_os_str().as_bytes().to_vec();
            line.push(0);
            self.paths.lock().unwrap().push_back(path);
            if stdin.write_all(&line).await.is_err() {
                break;
            }
        }
    }

    fn take_back(&self) {
        self.paths.lock().unwrap().pop_front();
        self.room.add_permits(1);
    }
}

impl Tally {
    /// The values come as numbers, as the worker logged them: there is no text to be parsed.
    fn add(&mut self, record: &LogRecord<'_>) {
        let number = |key| match record.key_values.get(key) {
            Some(Value::I64(number)) => number.cast_unsigned(),
            _ => 0,
        };
        self.files += 1;
        self.bytes += number("bytes");
        self.lines += number("lines");
        self.words += number("words");
        self.errors += u64::from(record.level == Level::Error);
    }
}

impl Tally {
    fn columns(&self) -> [u64; 5] {
        [self.files, self.bytes, self.lines, self.words, self.errors]
    }
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.words += other.words;
        self.errors += other.errors;
    }
}

impl Report {
    /// How many paths the worker was given.
    fn given(&self) -> u64 {
        self.tally.files + self.unanswered.len() as u64
    }

    fn is_well(&self) -> bool {
        self.status.success() && self.summary.is_complete() && self.unanswered.is_empty()
    }
}

fn table(reports: &[Report]) -> String {
    let mut table = format!(
        "{:<11} {:>11} {:>19} {:>15} {:>15} {:>9}\n",
        "", "files", "bytes", "lines", "words", "errors"
    );
    let mut total = Tally::default();
    for Report { number, tally, .. } in reports {
        table += &row(&format!("worker {number}"), tally);
        total += tally;
    }
    table + &row("total", &total)
}

fn row(name: &str, tally: &Tally) -> String {
    let [files, bytes, lines, words, errors] = tally.columns().map(|n| HumanCount(n).to_string());
    format!("{name:<11} {files:>11} {bytes:>19} {lines:>15} {words:>15} {errors:>9}\n")
}

/// The text beside the table: how much there was to read, how each worker ended and which files got no record.
fn figures(walked: &Walked, reports: &[Report]) -> String {
    let mut lines = format!("{walked}\n");
    for report in reports {
        lines += &format!("{report}\n");
        for path in &report.unanswered {
            let path = path.to_string_lossy();
            lines += &format!("  no record of {}\n", text::Escaped(&path));
        }
    }
    let given: u64 = reports.iter().map(Report::given).sum();
    match walked.files.saturating_sub(given) {
        0 => lines,
        left => {
            lines
                + &format!(
                    "no worker was left for {}\n",
                    counted(left, "file", "files")
                )
        }
    }
}

fn progress_bar() -> ProgressBar {
    // On standard error, and only where that is a terminal.
    let template = "{bar:32} {human_pos}/{human_len} files, {rate}/s, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _never_fails = write!(out, "{}", HumanCount(state.per_sec() as u64));
    };
    ProgressBar::new(0).with_style(style.with_key("rate", rate))
}

/// A line on standard error that does not run into the progress bar.
fn say(progress: &ProgressBar, line: impl Display) {
    progress.suspend(|| stdio::say(line));
}

// ---- A worker ----

fn work() -> Result<(), Error> {
    // Alone, for a try, it logs to standard error.
    pipe_handler::init_or(
        env_logger::builder()
            .filter_level(LevelFilter::Info)
            .build(),
    )?;

    let mut buffer = vec![0; 128 * 1024];
    for path in io::stdin().lock().split(0) {
        let path = PathBuf::from(OsString::from_vec(path?));
        let start = Instant::now();
        let contents = Contents::read(&path, &mut buffer);
        let ms = start.elapsed().as_micros() as f64 / 1e3;
        match contents {
            Ok(Contents {
                bytes,
                lines,
                words,
                sha256,
            }) => log::info!(
                target: ANSWER, path:% = path.display(), bytes, lines, words, sha256, ms; "indexed"
            ),
            Err(error) => log::error!(
                target: ANSWER, path:% = path.display(), err:err = error, ms; "cannot index a file"
            ),
        }
    }
    Ok(())
}

struct Contents {
    bytes: u64,
    lines: u64,
    words: u64,
    sha256: String,
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("cannot open it")]
    Open(#[source] io::Error),
    #[error("it is not a regular file any more")]
    Changed,
    #[error("cannot read on after {bytes} bytes")]
    Read { bytes: u64, source: io::Error },
}

impl Contents {
    /// In pieces, however large the file is.
    fn read(path: &Path, buffer: &mut [u8]) -> Result<Self, Unreadable> {
        // It was a regular file when it was found. If it is a link or a pipe by now, opening neither follows nor waits.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.bits().cast_signed());
        let mut file = options.open(path).map_err(Unreadable::Open)?;
        if !file.metadata().map_err(Unreadable::Open)?.is_file() {
            return Err(Unreadable::Changed);
        }

        let (mut bytes, mut lines, mut words) = (0, 0, 0);
        let mut hash = Sha256::new();
        let mut in_word = false;
        loop {
            let piece = match file.read(buffer) {
                Ok(0) => break,
                Ok(length) => &buffer[..length],
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(Unreadable::Read { bytes, source }),
            };
            bytes += piece.len() as u64;
            hash.update(piece);
            // As wc(1) counts them.
            for &byte in piece {
                let space = matches!(byte, b' ' | b'\t'..=b'\r');
                lines += u64::from(byte == b'\n');
                words += u64::from(!space && !in_word);
                in_word = !space;
            }
        }
        let sha256 = format!("{:x}", hash.finalize());
        Ok(Self {
            bytes,
            lines,
            words,
            sha256,
        })
    }
}
