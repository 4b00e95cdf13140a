//! Honest children that log now and then, beside one child that writes over all words of its buffer, or that keeps a
//! processor busy with memory of its own.

mod child;

use std::{
    fs, io,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use clap::{Args, ValueEnum};
use pipe_subscriber::{LogRecord, Spawn, Summary};
use rustix::time::{ClockId, clock_gettime};
use tokio::{process::Command, runtime::Runtime, task::JoinSet};

use crate::stream::USUAL_BUFFER;

pub(crate) use child::run as child;

/// How much the slowest records may be slower beside the hostile child, and how much more memory the parent may use.
const TIMES: f64 = 2.0;
const MARGIN: u64 = 1024;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The time beside each of the two, in each round
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    #[arg(long, default_value_t = 20)]
    children: usize,
    /// Records of each child in a second
    #[arg(long, default_value_t = 100)]
    rate: u64,
    /// Only losses fail, not times and memory
    #[arg(long)]
    untimed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Logs at the rate.
    Honest,
    /// Writes over all words of its buffer as fast as it can.
    Hostile,
    /// Writes over memory of its own as fast as it can.
    Busy,
}

/// What came of the rounds beside one kind of child.
#[derive(Debug, Default)]
struct Findings {
    /// From the beginning of a log call to the parent's logger, in nanoseconds.
    ways: Vec<u64>,
    /// From the beginning of a log call to its end, in nanoseconds.
    calls: Vec<u64>,
    /// KiB of private memory of this process.
    memory: u64,
    /// Summaries of honest children that are not complete.
    incomplete: Vec<String>,
    received: u64,
}

/// Returns whether the honest children lost nothing, and were hardly slower beside the hostile one.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let (mut busy, mut hostile) = (Findings::default(), Findings::default());
    for _ in 0..options.rounds {
        for (kind, findings) in [(Kind::Busy, &mut busy), (Kind::Hostile, &mut hostile)] {
            let result = runtime.block_on(round(kind, options, findings));
            result.expect("children that can be started");
        }
    }
    let expected = options.rounds as u64 * options.children as u64 * options.rate * options.seconds;
    let mut is_good = true;
    for (kind, findings) in [(Kind::Busy, &mut busy), (Kind::Hostile, &mut hostile)] {
        findings.print(kind, expected);
        is_good &= findings.incomplete.is_empty() && findings.received == expected;
    }
    let slower = percentile(&hostile.ways, 99) as f64 / percentile(&busy.ways, 99) as f64;
    let more = hostile.memory.saturating_sub(busy.memory);
    println!("p99 beside the hostile child: {slower:.2} times; memory: {more} KiB more");
    is_good && (options.untimed || (slower <= TIMES && more <= MARGIN))
}

async fn round(kind: Kind, options: &Options, findings: &mut Findings) -> io::Result<()> {
    let (mut other, logs) = spawn(kind, options)?;
    let other_logs = tokio::spawn(logs.run_with(|_| {}));
    let taken = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let mut honest = JoinSet::new();
    for _ in 0..options.children {
        let (mut child, logs) = spawn(Kind::Honest, options)?;
        let taken = Arc::clone(&taken);
        honest.spawn(async move {
            let summary = logs.run_with(|record| take(record, &taken)).await;
            child.wait().await?;
            summary.map_err(io::Error::other)
        });
    }
    while let Some(summary) = honest.join_next().await {
        findings.add(&summary.expect("no panic")?);
    }
    findings.memory = findings.memory.max(private_memory()?);
    drop(other.stdin.take());
    other.wait().await?;
    let summary = other_logs.await.expect("no panic");
    println!("{kind:?}: {}", summary.map_err(io::Error::other)?);
    let (mut ways, mut calls) = std::mem::take(&mut *taken.lock().expect("no panic"));
    findings.ways.append(&mut ways);
    findings.calls.append(&mut calls);
    Ok(())
}

fn spawn(
    kind: Kind,
    options: &Options,
) -> io::Result<(tokio::process::Child, pipe_subscriber::PipeSubscriber)> {
    let mut command = Command::new(std::env::current_exe()?);
    let name = kind.to_possible_value().expect("a name");
    command.args(["beside-child", name.get_name()]);
    command.args([options.rate.to_string(), options.seconds.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let spawn = Spawn::new(command).filter("trace").buffer(USUAL_BUFFER);
    spawn.spawn()
}

/// Keeps how long a record was on its way, and how long the log call before it took.
fn take(record: &LogRecord<'_>, taken: &Mutex<(Vec<u64>, Vec<u64>)>) {
    let now = now();
    let number = |key| {
        let value = record.key_values.get(key)?;
        value.to_string().parse::<u64>().ok()
    };
    let mut taken = taken.lock().expect("no panic");
    taken
        .0
        .extend(number("begun").map(|begun| now.saturating_sub(begun)));
    taken.1.extend(number("before"));
}

/// Returns the nanoseconds of a clock that all processes share.
fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::try_from(time).map_or(0, |time| time.as_nanos() as u64)
}

/// Returns the KiB of memory that this process shares with no other, after the allocator has returned its free memory.
fn private_memory() -> io::Result<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it has no conditions.
    unsafe {
        libc::malloc_trim(0);
    }
    let maps = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = maps
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.and_then(|number| number.parse().ok()).unwrap_or(0))
}

impl Findings {
    fn add(&mut self, summary: &Summary) {
        self.received += summary.received;
        if !summary.is_complete() {
            self.incomplete.push(summary.to_string());
        }
    }

    fn print(&mut self, kind: Kind, expected: u64) {
        self.ways.sort_unstable();
        self.calls.sort_unstable();
        let micros = |values: &[u64], part| percentile(values, part) as f64 / 1e3;
        println!(
            "beside {kind:?}: {} of {expected} records; on the way p50 {:.0} us, p99 {:.0} us; log() p50 {:.1} us, p99 \
             {:.1} us; {} KiB of private memory",
            self.received,
            micros(&self.ways, 50),
            micros(&self.ways, 99),
            micros(&self.calls, 50),
            micros(&self.calls, 99),
            self.memory,
        );
        self.incomplete
            .iter()
            .take(8)
            .for_each(|summary| println!("  {summary}"));
    }
}

/// Returns the value below which so many percent of these sorted values are.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted
        .get(sorted.len() * percent / 100)
        .copied()
        .unwrap_or(0)
}
