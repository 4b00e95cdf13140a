//! A token goes round the threads of several processes of one buffer. Each thread logs and then hands it on, so that every
//! record was logged before the next one: the logger must get them in this order.

mod child;

use std::{
    fmt, io, thread,
    time::{Duration, Instant},
};

use clap::Args;
use pipe_subscriber::{LogRecord, StreamEnd, Summary};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::{shared_words::SharedWords, stream};

pub(crate) use child::run as child;

/// The longest time of a case, and a millisecond for each turn.
const LIMIT: Duration = Duration::from_secs(60);

/// How often a logger that is late pauses, and for how long.
const LATE_EVERY: u64 = 2_000;
const LATE: Duration = Duration::from_millis(20);

/// The target of the records that say that their process has begun.
const BEGUN: &str = "begun";
/// The target of the records of threads that never have the token.
const NOISE: &str = "noise";

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How often the token is handed on, in each case
    #[arg(long, default_value_t = 1_000_000)]
    turns: u64,
    /// Only the cases whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    /// The time between two reads of positions
    #[cfg(record_proto_hooks)]
    #[arg(long, default_value_t = 0)]
    pause_micros: u64,
    /// Hands out what should be held back; then there must be inversions
    #[cfg(record_proto_hooks)]
    #[arg(long)]
    no_hold_back: bool,
}

/// What the processes of one buffer do.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    name: String,
    words: String,
    /// The ends of each thread's pipe.
    pipes: Vec<[i32; 2]>,
    turns: u64,
    processes: usize,
    threads: usize,
    hand_over: HandOver,
    origin: Origin,
    /// Steps the clock of all processes forward and back.
    steps_clock: bool,
    /// Threads of each process that log all the time.
    noise: usize,
    /// Bytes that each message has besides its number.
    padding: usize,
    /// The logger pauses now and then, so that the rings fill up.
    is_late: bool,
    buffer: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum HandOver {
    Futex,
    Pipe,
    /// The next thread looks at a word again and again.
    Spin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Origin {
    Forked,
    /// Started with `share_with`.
    Shared,
}

/// What the logger saw.
#[derive(Debug, Default)]
struct Seen {
    next: u64,
    received: u64,
    inversions: u64,
    begun: usize,
    last_time: u64,
    /// How often a record had an earlier time than the one before.
    times_back: u64,
}

/// Returns whether the logger got all records in their order.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let must_invert = set_hooks(options);
    let plans = plans(options.turns).into_iter();
    let plans = plans.filter(|plan| plan.name.contains(&options.only));
    let mut is_good = true;
    for plan in plans {
        let began = Instant::now();
        let case = runtime.block_on(run_case(plan.clone()));
        let (figures, complaint) = match &case {
            Ok((seen, summary)) => (
                seen.to_string(),
                complaint(&plan, seen, summary, must_invert),
            ),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        println!("{:<51} {figures}, {:.1?}", plan.name, began.elapsed());
        if let Some(complaint) = complaint {
            println!("    WRONG: {complaint}");
            is_good = false;
        }
    }
    is_good
}

/// Returns whether the looks are changed so that there must be inversions.
#[cfg(record_proto_hooks)]
fn set_hooks(options: &Options) -> bool {
    record_proto::set_hooks(record_proto::Hooks {
        pause: Duration::from_micros(options.pause_micros),
        holds_back: !options.no_hold_back,
    });
    options.no_hold_back
}

#[cfg(not(record_proto_hooks))]
fn set_hooks(_: &Options) -> bool {
    false
}

fn plans(turns: u64) -> Vec<Plan> {
    let usual = Plan {
        name: String::new(),
        words: String::new(),
        pipes: Vec::new(),
        turns,
        processes: 4,
        threads: 2,
        hand_over: HandOver::Futex,
        origin: Origin::Forked,
        steps_clock: false,
        noise: 0,
        padding: 0,
        is_late: false,
        buffer: stream::USUAL_BUFFER,
    };
    let plan = |name: &str, change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan {
            name: name.to_owned(),
            ..usual.clone()
        };
        change(&mut plan);
        plan
    };
    vec![
        plan("a ring for each thread", &|_| {}),
        plan("processes that share the buffer", &|plan| {
            plan.origin = Origin::Shared
        }),
        plan("handed on by pipes", &|plan| {
            plan.hand_over = HandOver::Pipe
        }),
        plan("handed on by words", &|plan| {
            plan.hand_over = HandOver::Spin
        }),
        plan("a clock that steps", &|plan| plan.steps_clock = true),
        plan("threads that log all the time", &|plan| plan.noise = 1),
        plan("more threads than rings", &|plan| plan.threads = 8),
        // More than a part of a look in each ring, and now and then more than a ring has room for.
        plan("a parent that is late", &|plan| {
            (plan.padding, plan.is_late) = (1_000, true)
        }),
        plan(
            "more threads than rings, pipes, a clock that steps",
            &|plan| {
                plan.threads = 8;
                plan.origin = Origin::Shared;
                plan.hand_over = HandOver::Pipe;
                plan.steps_clock = true;
            },
        ),
        // The common rings, and the own rings of the main threads.
        plan("8 rings of the smallest size", &|plan| {
            plan.threads = 4;
            plan.noise = 1;
            (plan.padding, plan.is_late) = (200, true);
            plan.buffer = 8 * 32 * 1024;
        }),
    ]
}

async fn run_case(mut plan: Plan) -> io::Result<(Seen, Summary)> {
    let words = SharedWords::new(child::words(&plan))?;
    plan.words = words.path();
    let mut seen = Seen::default();
    let limit = LIMIT + Duration::from_micros(plan.turns * 1_000);
    let (is_late, mut all) = (plan.is_late, 0_u64);
    let add = |record: &LogRecord<'_>| {
        seen.add(record);
        all += 1;
        if is_late && all.is_multiple_of(LATE_EVERY) {
            thread::sleep(LATE);
        }
    };
    let (summary, status) = stream::run("order-child", &plan, plan.buffer, limit, add).await?;
    match status.success() {
        true => Ok((seen, summary)),
        false => Err(io::Error::other(status.to_string())),
    }
}

fn complaint(plan: &Plan, seen: &Seen, summary: &Summary, must_invert: bool) -> Option<String> {
    let lost = [
        summary.dropped,
        summary.missing,
        summary.malformed,
        summary.incomplete,
    ];
    let is_wrong = (seen.inversions > 0) != must_invert
        || (seen.received, seen.begun) != (plan.turns, plan.processes)
        || (seen.times_back == 0 && plan.steps_clock)
        || summary.end != StreamEnd::Clean
        || lost != [0; 4];
    is_wrong.then(|| format!("{seen:?}, {summary}: {:?}", summary.reasons))
}

impl Seen {
    fn add(&mut self, record: &LogRecord<'_>) {
        match &*record.target {
            BEGUN => return self.begun += 1,
            NOISE => return,
            _ => {}
        }
        let number = record.message.split(' ').next().unwrap_or_default();
        let n: u64 = number.parse().unwrap_or(u64::MAX - 1);
        self.received += 1;
        self.inversions += u64::from(n < self.next);
        self.next = self.next.max(n + 1);
        self.times_back += u64::from(record.time < self.last_time);
        self.last_time = record.time;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            received,
            inversions,
            times_back,
            ..
        } = self;
        write!(
            f,
            "{received} records, {inversions} inversions, {times_back} times back"
        )
    }
}
