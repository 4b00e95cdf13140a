//! Processes are forked at any moment while the threads of a process log into a shared buffer: nothing is torn, nothing is
//! lost, and each process has an account of its own.

mod child;
mod plan;
mod seen;

use std::{
    io,
    time::{Duration, Instant},
};

use clap::Args;
use pipe_subscriber::Summary;
use tokio::runtime::Runtime;

use self::plan::{Made, Moment, Plan};
use self::seen::Seen;
use crate::{
    random::{any_seed, hash},
    shared_words::SharedWords,
    stream,
};

pub(crate) use child::run as child;

/// A stream that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);
/// After so many streams that went wrong the campaign gives up.
const COMPLAINTS: u64 = 4;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many processes are to be forked
    #[arg(long, default_value_t = 10_000)]
    forks: usize,
    /// How many of them by one process
    #[arg(long, default_value_t = 100)]
    per_stream: usize,
    /// Repeats the forks of an earlier campaign
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
    let began = Instant::now();
    let (mut forks, mut received, mut wrong) = (0, 0, 0);
    let streams = options.forks.div_ceil(options.per_stream) as u64;
    let numbers = options.only.map_or(0..streams, |only| only..only + 1);
    let mut kinds = [0; 4];
    for number in numbers {
        let mut plan = Plan {
            seed: hash(&(seed, number)),
            words: String::new(),
            forks: options.per_stream.min(options.forks),
        };
        let complaints = match runtime.block_on(run_stream(&mut plan)) {
            Ok((seen, summary, complaints)) => {
                received += seen.received;
                complaints
                    .into_iter()
                    .chain(seen.complaints(&plan, &summary))
                    .collect()
            }
            Err(error) => vec![error.to_string()],
        };
        forks += plan.forks;
        add_kinds(&plan, &mut kinds);
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
    let [raw, namespaces, in_message, in_value] = kinds;
    println!(
        "{forks} forks ({raw} by the system call alone, {namespaces} of them in PID namespaces; {in_message} in a message, \
         {in_value} in a value) in {:.0?}; {received} records; {wrong} streams wrong",
        began.elapsed()
    );
    wrong == 0
}

fn add_kinds(plan: &Plan, kinds: &mut [u64; 4]) {
    for (_, fork) in (0..plan.forks).map(|number| plan.fork(number)) {
        kinds[0] += u64::from(fork.made != Made::Fork);
        kinds[1] += u64::from(fork.made == Made::Namespace);
        kinds[2] += u64::from(fork.moment == Moment::InMessage);
        kinds[3] += u64::from(fork.moment == Moment::InValue);
    }
}

async fn run_stream(plan: &mut Plan) -> io::Result<(Seen, Summary, Vec<String>)> {
    let words = SharedWords::new(child::words(plan))?;
    plan.words = words.path();
    let mut seen = Seen::default();
    let buffer = stream::USUAL_BUFFER;
    let run = stream::run("forks-child", &*plan, buffer, LIMIT, |record| {
        seen.add(record)
    });
    let (summary, status) = run.await?;
    let mut complaints = seen.compare(plan, words.words()?);
    if !status.success() {
        complaints.push(status.to_string());
    }
    Ok((seen, summary, complaints))
}
