//! A child of the tests: logs numbered records, and writes at the end how many.
//!
//! The message of record n (from 0) is `<tag> <n> ` and padding.

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use log::{Level, Log, Record};
use pipe_handler::{Delivery, Overflow, PipeHandler};
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// What the messages begin with
    #[arg(long)]
    tag: String,
    /// How many records; by default as many as until `--until`
    #[arg(long, default_value_t = u64::MAX)]
    records: u64,
    /// A named pipe: the load ends when nobody holds its write end any more
    #[arg(long)]
    until: Option<PathBuf>,
    /// A file of frames, which are written to the pipe as they are
    #[arg(long)]
    frames: Option<PathBuf>,
    /// Records a second; by default as many as possible
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    #[arg(long, default_value_t = 100)]
    message_bytes: usize,
    /// block, drop or block-for:MILLISECONDS
    #[arg(long, default_value = "block")]
    overflow: Policy,
    /// Logs into the buffer that the parent offers, and fails if it offers none
    #[arg(long)]
    shared: bool,
    /// Where the figures are written at the end
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy)]
struct Policy(Overflow);

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let overflow = match (text, text.strip_prefix("block-for:")) {
            ("block", _) => Overflow::Block,
            ("drop", _) => Overflow::DropNewest,
            (_, Some(millis)) => {
                let millis = millis
                    .parse()
                    .map_err(|_| format!("{text:?} has no number"))?;
                Overflow::BlockFor(Duration::from_millis(millis))
            }
            _ => return Err(format!("{text:?} is no policy")),
        };
        Ok(Self(overflow))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(frames) = &options.frames {
        return Ok(write_frames(frames)?);
    }
    let mut builder = PipeHandler::builder();
    if options.shared {
        let variable = env::var("RECORD_PIPE")?;
        assert_eq!(variable.split(':').count(), 8, "a buffer is offered");
        builder = builder.delivery(Delivery::Shared);
    }
    let handler = builder
        .filter("trace")
        .overflow(options.overflow.0)
        .build()?;
    static STOPPED: AtomicBool = AtomicBool::new(false);
    if let Some(path) = options.until.clone() {
        thread::spawn(move || {
            let until = File::open(path).and_then(|mut pipe| pipe.read_to_end(&mut Vec::new()));
            until.expect("the named pipe can be read");
            STOPPED.store(true, Relaxed);
        });
    }
    let (logged, longest) = emit(&options, &handler, &STOPPED);
    let dropped = handler.counts().dropped;
    // Closes: the account of this process is complete.
    drop(handler);
    if let Some(path) = options.report {
        let figures = json!({ "logged": logged, "dropped": dropped, "longest_us": longest.as_micros() as u64 });
        // Whole or not at all: the test reads it as soon as it is there.
        let unfinished = path.with_extension("tmp");
        fs::write(&unfinished, figures.to_string())?;
        fs::rename(unfinished, path)?;
    }
    Ok(())
}

/// A child that costs almost nothing.
fn write_frames(path: &Path) -> io::Result<()> {
    let variable = env::var("RECORD_PIPE").expect("the parent gives a pipe");
    let number = variable.split(':').nth(1).expect("v1:<descriptor>:..");
    let mut pipe = File::options()
        .write(true)
        .open(format!("/proc/self/fd/{number}"))?;
    io::copy(&mut File::open(path)?, &mut pipe)?;
    Ok(())
}

/// Logs until the number is reached or the load is stopped. Returns how many, and how long the longest log call took, if
/// the rate leaves time to measure that.
fn emit(options: &Options, handler: &PipeHandler, stopped: &AtomicBool) -> (u64, Duration) {
    let padding = "x".repeat(options.message_bytes);
    let tag = options.tag.as_str();
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    for number in 0..options.records {
        if stopped.load(Relaxed) {
            return (number, longest);
        }
        let before = options.rate.map(|rate| wait_for(start, rate, number));
        handler.log(
            &Record::builder()
                .level(Level::Info)
                .target("load")
                .args(format_args!("{tag} {number} {padding}"))
                .build(),
        );
        if let Some(before) = before {
            longest = longest.max(before.elapsed());
        }
    }
    (options.records, longest)
}

/// Waits until a record is due. Due times count from the start, so that a late record does not delay later ones.
fn wait_for(start: Instant, rate: u32, number: u64) -> Instant {
    let due = start + Duration::from_secs_f64(number as f64 / f64::from(rate));
    thread::sleep(due.saturating_duration_since(Instant::now()));
    Instant::now()
}
