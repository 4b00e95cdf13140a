//! More threads than a buffer has rings: they log at least as fast as by direct delivery.

mod child;

use std::{
    hint::black_box,
    io,
    time::{Duration, Instant},
};

use clap::Args;
use pipe_subscriber::LogRecord;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::stream;

pub(crate) use child::run as child;

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(120);

/// Names, processes, and threads of each process.
const CASES: [(&str, usize, usize); 4] = [
    ("8 threads", 1, 8),
    ("32 threads", 1, 32),
    ("128 threads", 1, 128),
    ("32 workers of 4 threads", 32, 4),
];

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Records of one run, by all threads together
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Runs by each delivery, one after the other
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The least ratio of the rates, in the median of all rounds; lower ones are a failure
    #[arg(long, default_value_t = 1.0)]
    least: f64,
    /// Only the cases whose names contain this
    #[arg(long, default_value = "")]
    only: String,
}

/// What the processes of one run do.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    is_shared: bool,
    processes: usize,
    threads: usize,
    /// Records of each thread.
    records: u64,
}

/// Returns whether all records arrived, and no case was too slow.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let mut is_good = true;
    for (name, processes, threads) in CASES {
        if !name.contains(&options.only) {
            continue;
        }
        let plan = |is_shared| Plan {
            is_shared,
            processes,
            threads,
            records: options.records / (processes * threads) as u64,
        };
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            let rates = [false, true].map(|is_shared| runtime.block_on(rate(&plan(is_shared))));
            match rates {
                [Ok(direct), Ok(shared)] => rounds.push([direct, shared, shared / direct]),
                [direct, shared] => {
                    println!("{name}: WRONG: direct {direct:?}, shared {shared:?}");
                    is_good = false;
                }
            }
        }
        let [direct, shared, ratio] =
            [0, 1, 2].map(|at| median(rounds.iter().map(|round| round[at])));
        println!("{name:<24} direct {direct:.2} M/s, shared {shared:.2} M/s, ratio {ratio:.2}");
        is_good &= ratio >= options.least;
    }
    is_good
}

/// Returns how many million records came in a second, from the first to the end of the stream.
async fn rate(plan: &Plan) -> io::Result<f64> {
    let buffer = if plan.is_shared {
        stream::USUAL_BUFFER
    } else {
        0
    };
    let (mut received, mut began) = (0_u64, None);
    let read = |record: &LogRecord<'_>| {
        began.get_or_insert_with(Instant::now);
        received += 1;
        black_box((&record.message, record.key_values.get("n")));
    };
    let (summary, status) = stream::run("crowd-child", plan, buffer, LIMIT, read).await?;
    let expected = plan.records * (plan.processes * plan.threads) as u64;
    if !status.success() || received != expected || !summary.is_complete() {
        return Err(io::Error::other(format!(
            "{status}, {received} of {expected}: {summary}"
        )));
    }
    let seconds = began.map_or(0.0, |began| began.elapsed().as_secs_f64());
    Ok(received as f64 / seconds / 1e6)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
