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
//! The exit code is 1 where a file got no record, a worker failed, one of the given paths cannot be read at all or the
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
use indicatif::{ProgressBar, ProgressStyle};
use log::{Level, LevelFilter};
use pipe_subscriber::{LogRecord, PipeSubscriber, Spawn, Summary};
use record_proto::Value;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::{Mutex as AsyncMutex, Semaphore, mpsc},
};
use walkdir::WalkDir;

#[path = "support/text.rs"]
mod text;

/// The target of those records that are the answer to a path.
const ANSWER: &str = "index_files::answer";

/// How many paths a worker has in hand: enough that it never waits for the next one, few enough that no worker sits
/// on work which another could do.
const IN_HAND: usize = 16;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "Counts lines, words and bytes of files and hashes them, in worker processes")]
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
    let options = Options::parse();
    let ended = match options.worker {
        true => work().map(|()| ExitCode::SUCCESS),
        false => index(options),
    };
    ended.unwrap_or_else(|error| {
        let _nobody_reads = writeln!(io::stderr(), "index_files: {error}");
        ExitCode::FAILURE
    })
}

// ---- The parent ----

#[tokio::main]
async fn index(options: Options) -> Result<ExitCode, Error> {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let count = options.workers.unwrap_or_else(cores).get();
    let progress = progress_bar();

    // Bounded: the walk waits for the workers instead of holding all paths of a large tree.
    let (found, paths) = mpsc::channel(1024);
    let paths = Arc::new(AsyncMutex::new(paths));
    let mut workers = Vec::new();
    for number in 1..=count {
        let worker = Worker::start(number, progress.clone())?;
        workers.push(tokio::spawn(worker.run(Arc::clone(&paths))));
    }
    // The workers alone hold it now: without any worker left, the walk ends.
    drop(paths);

    let walked = {
        let progress = progress.clone();
        tokio::task::spawn_blocking(move || walk(&options.paths, &found, &progress))
    };
    let mut reports = Vec::new();
    for worker in workers {
        reports.push(worker.await??);
    }
    let walked = walked.await?;
    progress.finish_and_clear();

    match print(&walked, &reports) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(format!("cannot print: {error}").into());
        }
        _ => {}
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
                say(progress, text::Escaped(&error.to_string()));
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

impl Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "found {} files, {} directories; ",
            self.files, self.directories
        )?;
        write!(
            f,
            "skipped {} symbolic links, {} sockets, pipes and devices; ",
            self.links, self.others
        )?;
        write!(f, "could not look into {}", self.unreadable)
    }
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

fn print(walked: &Walked, reports: &[Report]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    row(&mut out, "", ["files", "bytes", "lines", "words", "errors"])?;
    let mut total = Tally::default();
    for Report { number, tally, .. } in reports {
        row(&mut out, &format!("worker {number}"), tally.columns())?;
        total += tally;
    }
    row(&mut out, "total", total.columns())?;

    writeln!(out, "\n{walked}")?;
    for report in reports {
        writeln!(out, "{report}")?;
        for path in &report.unanswered {
            let path = path.to_string_lossy();
            writeln!(out, "  no record of {}", text::Escaped(&path))?;
        }
    }
    let given: u64 = reports.iter().map(Report::given).sum();
    match walked.files.saturating_sub(given) {
        0 => Ok(()),
        left => writeln!(out, "no worker was left for {left} files"),
    }
}

fn row(out: &mut impl Write, name: &str, columns: [impl Display; 5]) -> io::Result<()> {
    let [files, bytes, lines, words, errors] = columns;
    writeln!(
        out,
        "{name:<11} {files:>9} {bytes:>15} {lines:>12} {words:>12} {errors:>7}"
    )
}

fn progress_bar() -> ProgressBar {
    // On standard error, and only where that is a terminal.
    let template = "{bar:32} {human_pos}/{human_len} files, {per_sec}, {elapsed}";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    ProgressBar::new(0).with_style(style)
}

/// A line on standard error that does not run into the progress bar.
fn say(progress: &ProgressBar, line: impl Display) {
    let _nobody_reads = progress.suspend(|| writeln!(io::stderr(), "{line}"));
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
        let ms = start.elapsed().as_secs_f64() * 1e3;
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
