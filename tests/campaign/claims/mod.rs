//! Processes that claim rings of one buffer and never give them back: everything arrives, by rings while there are some,
//! and by the pipe after that. And short processes that end normally: all rings are free again.

mod child;
mod plan;
mod seen;

use std::{
    io,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::runtime::Runtime;

use self::plan::{Kind, Plan};
use self::seen::Seen;
use crate::{
    random::{any_seed, hash},
    shared_words::SharedWords,
    stream,
};

pub(crate) use child::run as child;

/// The target of the record that is logged when all processes have ended.
const OVER: &str = "over";

/// A stream that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(120);
/// After so many streams that went wrong the campaign gives up.
const COMPLAINTS: u64 = 4;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many processes are to claim rings and die
    #[arg(long, default_value_t = 10_000)]
    claims: usize,
    /// How many of them in one buffer
    #[arg(long, default_value_t = 50)]
    per_stream: usize,
    /// How many short processes are to share one buffer and to end normally
    #[arg(long, default_value_t = 1_000)]
    short: usize,
    /// Repeats the processes of an earlier campaign
    #[arg(long)]
    seed: Option<u64>,
    /// Only the stream of this number
    #[arg(long)]
    only: Option<u64>,
}

/// Returns whether nothing was wrong.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let seed = options.seed.unwrap_or_else(any_seed);
    println!("--seed {seed}");
    let plan = |number: u64, processes, kind| Plan {
        seed: hash(&(seed, number)),
        words: String::new(),
        processes,
        kind,
    };
    let streams = options.claims.div_ceil(options.per_stream) as u64;
    let numbers = options.only.map_or(0..streams, |only| only..only + 1);
    let (mut sum, mut wrong, began) = (Seen::default(), 0, Instant::now());
    for number in numbers {
        let processes = options.per_stream.min(options.claims);
        let complaints = runtime.block_on(run_stream(plan(number, processes, Kind::Die), &mut sum));
        if !complaints.is_empty() {
            wrong += 1;
            println!("stream {number} (--seed {seed} --only {number}):");
            complaints
                .iter()
                .take(12)
                .for_each(|text| println!("  {text}"));
        }
        if wrong >= COMPLAINTS {
            break;
        }
    }
    println!(
        "died: {sum} in {:.0?}; {wrong} streams wrong",
        began.elapsed()
    );
    if options.short == 0 || options.only.is_some() {
        return wrong == 0;
    }
    let (mut sum, began) = (Seen::default(), Instant::now());
    let complaints = runtime.block_on(run_stream(
        plan(streams, options.short, Kind::End),
        &mut sum,
    ));
    complaints
        .iter()
        .take(12)
        .for_each(|text| println!("  {text}"));
    println!(
        "ended: {sum} in {:.0?}; {} complaints",
        began.elapsed(),
        complaints.len()
    );
    wrong == 0 && complaints.is_empty()
}

async fn run_stream(mut plan: Plan, sum: &mut Seen) -> Vec<String> {
    let mut seen = Seen::default();
    match read_stream(&mut plan, &mut seen).await {
        Ok(complaints) => {
            sum.add_sums(&plan, &seen);
            complaints
        }
        Err(error) => vec![error.to_string()],
    }
}

async fn read_stream(plan: &mut Plan, seen: &mut Seen) -> io::Result<Vec<String>> {
    let words = SharedWords::new(child::words(plan))?;
    plan.words = words.path();
    let run = stream::run(
        "claims-child",
        &*plan,
        stream::USUAL_BUFFER,
        LIMIT,
        |record| {
            seen.add(record);
        },
    );
    let (summary, status) = run.await?;
    seen.note_owners(words.words()?);
    let mut complaints = seen.compare(plan, words.words()?, &summary);
    if !status.success() {
        complaints.push(status.to_string());
    }
    Ok(complaints)
}
