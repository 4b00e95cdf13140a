//! A child that produces load: T threads log N records each, and then the process ends in a chosen way.
//!
//! Without a parent it logs to standard error. `run_child` gives it a record pipe:
//!
//! ```text
//! cargo build --release --examples
//! cd target/release/examples
//! ./run_child --format none -- ./emit --threads 4 --records 200000
//! ```
//!
//! The message of record i (from 0) of thread t is `t<t> n<i> `, padded with `x` to `--message-bytes`. Its key-values are
//! k0, k1, ..., and the value of kj is i + j. The level is info and the target `emit`.

use std::{
    error::Error,
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    slice,
    sync::atomic::{AtomicU64, Ordering::Release},
    thread,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use log::{Level, Record, kv};
use memmap2::MmapRaw;
use pipe_handler::{Overflow, PipeHandler};

#[derive(Parser)]
#[command(
    about = "Emits log records, as a child of run_child or alone",
    after_help = "Example: run_child --format none -- emit --threads 4 --records 200000"
)]
struct Options {
    /// How many records each thread logs.
    #[arg(long, default_value_t = 1000)]
    records: u64,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    threads: u64,
    /// How long a message is; a message whose beginning is longer keeps it.
    #[arg(long, default_value_t = 56)]
    message_bytes: usize,
    /// How many integers stand among the key-values of a record.
    #[arg(long, default_value_t = 0)]
    kv: u64,
    #[arg(long, value_enum, default_value = "shared")]
    delivery: Delivery,
    /// What a log call does while there is no room: block, drop or block-for:MILLISECONDS.
    #[arg(long, default_value = "block", value_parser = parse_overflow)]
    overflow: Overflow,
    /// How many records a second each thread logs; by default as many as it can.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// A file in which each thread counts, as a little-endian u64, the log calls that have returned.
    #[arg(long)]
    ack: Option<PathBuf>,
    /// How the process ends once all threads are done.
    #[arg(long, value_enum, default_value = "return")]
    end: End,
}

#[derive(Clone, Copy, ValueEnum)]
enum Delivery {
    /// Into memory that the parent shares, if it offers some, and otherwise as direct.
    #[value(alias = "buffered")]
    Shared,
    /// Each record is one write to the pipe.
    Direct,
}

impl From<Delivery> for pipe_handler::Delivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Direct => Self::Direct,
            Delivery::Shared => Self::Shared,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum End {
    Return,
    Exit,
    Abort,
    Panic,
    Kill,
    Hang,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "emit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let acks = match &options.ack {
        Some(path) => {
            let named = |error| format!("cannot create {}: {error}", path.display());
            Some(Acks::create(path, options.threads).map_err(named)?)
        }
        None => None,
    };
    let fallback = env_logger::Env::default().default_filter_or("info");
    PipeHandler::builder()
        .filter("trace")
        .overflow(options.overflow)
        .delivery(options.delivery.into())
        .init_or(env_logger::Builder::from_env(fallback).build())?;

    let load = Load::new(options);
    thread::scope(|scope| {
        for number in 0..options.threads {
            let ack = acks.as_ref().map(|acks| &acks.counters()[number as usize]);
            let load = &load;
            thread::Builder::new()
                .name(format!("t{number}"))
                .spawn_scoped(scope, move || load.emit(number, ack))?;
        }
        Ok::<_, io::Error>(())
    })?;

    match options.end {
        End::Return => {}
        End::Exit => process::exit(0),
        End::Abort => process::abort(),
        End::Panic => panic!("the end that was asked for"),
        End::Kill => {
            rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            )?;
        }
        End::Hang => loop {
            thread::park();
        },
    }
    Ok(())
}

/// The records that each thread logs.
struct Load {
    records: u64,
    message_bytes: usize,
    padding: String,
    keys: Vec<String>,
    pacing: Option<Pacing>,
}

/// Spaces the records of a thread at an even rate.
struct Pacing {
    rate: u64,
    start: Instant,
}

impl Load {
    fn new(options: &Options) -> Self {
        Self {
            records: options.records,
            message_bytes: options.message_bytes,
            padding: "x".repeat(options.message_bytes),
            keys: (0..options.kv).map(|number| format!("k{number}")).collect(),
            pacing: options.rate.map(|rate| Pacing {
                rate,
                start: Instant::now(),
            }),
        }
    }

    /// Logs the records of one thread and allocates nothing.
    ///
    /// The log macros need the keys in the source, but here their number is an option. So the record is built by hand, as
    /// the macros would build it.
    fn emit(&self, thread: u64, ack: Option<&AtomicU64>) {
        let logger = log::logger();
        for number in 0..self.records {
            if let Some(pacing) = &self.pacing {
                pacing.wait_for(number);
            }
            let beginning = "t n ".len() + digits(thread) + digits(number);
            let padding = &self.padding[..self.message_bytes.saturating_sub(beginning)];
            let numbers = Numbers {
                keys: &self.keys,
                first: number,
            };
            logger.log(
                &Record::builder()
                    .level(Level::Info)
                    .target("emit")
                    .args(format_args!("t{thread} n{number} {padding}"))
                    .module_path_static(Some(module_path!()))
                    .file_static(Some(file!()))
                    .line(Some(line!()))
                    .key_values(&numbers)
                    .build(),
            );
            if let Some(ack) = ack {
                // Release: a process that sees the count sees everything that the log call has written before.
                ack.store((number + 1).to_le(), Release);
            }
        }
    }
}

impl Pacing {
    /// Waits until a record is due. Due times are counted from the start, so a late record does not delay later ones.
    fn wait_for(&self, number: u64) {
        let seconds = number / self.rate;
        let nanos = u128::from(number % self.rate) * 1_000_000_000 / u128::from(self.rate);
        let due = self.start + Duration::new(seconds, nanos as u32);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// The key-values of one record.
struct Numbers<'a> {
    keys: &'a [String],
    first: u64,
}

impl kv::Source for Numbers<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        for (key, number) in self.keys.iter().zip(self.first..) {
            visitor.visit_pair(kv::Key::from_str(key), kv::Value::from(number))?;
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.keys.len()
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Counters in a file that is mapped into memory. A store costs no system call, and its value is in the file even if the
/// process is killed right after.
struct Acks(MmapRaw);

impl Acks {
    fn create(path: &Path, threads: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        // Zeros are written, instead of only setting the length, to reserve the space: a store into a page for which the
        // disk has no room would kill this process.
        file.write_all(&vec![0; threads as usize * size_of::<AtomicU64>()])?;
        Ok(Self(MmapRaw::map_raw(&file)?))
    }

    fn counters(&self) -> &[AtomicU64] {
        let length = self.0.len() / size_of::<AtomicU64>();
        // SAFETY: the mapping is writable, has this length, is aligned to a page and lives as long as the slice. Nothing
        // else in this process accesses it.
        unsafe { slice::from_raw_parts(self.0.as_mut_ptr().cast(), length) }
    }
}

fn parse_overflow(text: &str) -> Result<Overflow, String> {
    match text {
        "block" => Ok(Overflow::Block),
        "drop" => Ok(Overflow::DropNewest),
        _ => text
            .strip_prefix("block-for:")
            .and_then(|millis| millis.parse().ok())
            .map(|millis| Overflow::BlockFor(Duration::from_millis(millis)))
            .ok_or_else(|| "one of block, drop, block-for:MILLISECONDS".to_owned()),
    }
}
