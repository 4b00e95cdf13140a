//! Processes that go on logging when their stream ends: what was acknowledged before the end arrives.

use std::{
    io,
    process::{self, Stdio},
    sync::atomic::Ordering::Release,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use fastrand::Rng;
use log::Log;
use pipe_handler::{Delivery, PipeHandler};
use pipe_subscriber::{Spawn, Summary};
use rustix::process::{Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::{process::Command, runtime::Runtime, time::timeout};

use crate::{
    message::{Message, Place, text},
    random::{any_seed, of_any_magnitude, of_trial},
    received::Received,
    shared_counters::{SharedCounters, Slots},
    stream::USUAL_BUFFER,
    trial,
};

/// A trial that takes longer has failed: a process has not noticed that its parent is gone.
const LIMIT: Duration = Duration::from_secs(20);
/// After so many trials that went wrong the campaign gives up.
const COMPLAINTS: u64 = 8;
/// The place of the process that goes on.
const SURVIVOR: usize = 1;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many streams are to end so
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    #[arg(long)]
    seed: Option<u64>,
    /// Only the trial of this number
    #[arg(long)]
    only: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    kind: Kind,
    threads: usize,
    buffer: usize,
    /// When the child or its fork does the last thing that holds the stream open.
    end_micros: u64,
    /// How long the stream may be held open after the child's exit.
    grace_micros: u64,
    pause_micros: u64,
    counters: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    /// The child closes all its descriptors.
    Closed,
    /// A fork holds the pipe longer than the grace period after the child's exit.
    Holder,
    /// A fork outlives the child, and then closes all its descriptors.
    Fork,
}

#[derive(Debug, Default)]
struct Sums {
    trials: u64,
    wrong: u64,
    acknowledged: u64,
    received: u64,
    /// The longest time between the end of the stream and the process's noticing it.
    noticed: Duration,
}

/// Returns whether every promise was kept.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let seed = options.seed.unwrap_or_else(any_seed);
    println!("--seed {seed}");
    let began = Instant::now();
    let numbers = options.only.map_or(1..=options.count, |only| only..=only);
    let mut sums = Sums::default();
    for number in numbers {
        let plan = Plan::draw(&mut of_trial(seed, number));
        sums.trials += 1;
        if let Err(error) = runtime.block_on(trial(plan, &mut sums)) {
            sums.wrong += 1;
            println!("trial {number} (--seed {seed} --only {number}): {error}");
        }
        if sums.wrong >= COMPLAINTS {
            break;
        }
    }
    println!("{sums:?} in {:.0?}", began.elapsed());
    sums.wrong == 0 && sums.trials > 0
}

impl Plan {
    fn draw(random: &mut Rng) -> Self {
        const KINDS: [Kind; 3] = [Kind::Closed, Kind::Holder, Kind::Fork];
        Self {
            kind: random.choice(KINDS).expect("a kind"),
            threads: random.usize(1..=4),
            // Each thread needs a ring: a fork that has none is a writer to the pipe.
            buffer: random
                .choice([USUAL_BUFFER, 1 << 20, 1 << 19])
                .expect("a size"),
            end_micros: of_any_magnitude(random, 10_000),
            grace_micros: of_any_magnitude(random, 10_000),
            pause_micros: random.choice([0, 0, 20, 500]).expect("a pause"),
            counters: String::new(),
        }
    }

    fn grace(&self) -> Duration {
        match self.kind {
            Kind::Holder => Duration::from_micros(self.grace_micros),
            Kind::Closed | Kind::Fork => LIMIT,
        }
    }
}

async fn trial(mut plan: Plan, sums: &mut Sums) -> Result<(), String> {
    let counters = SharedCounters::new().map_err(|error| error.to_string())?;
    plan.counters = counters.path();
    let mut received = Received::default();
    let all = timeout(LIMIT, stream(&plan, &counters, &mut received)).await;
    let all = all.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let (summary, noticed) = all.map_err(|error| {
        let pids = (0..=SURVIVOR).filter_map(|place| counters.pid(place));
        for pid in pids {
            let _gone = kill_process(pid, Signal::KILL);
        }
        format!("{error}: {plan:?}")
    })?;
    sums.noticed = sums.noticed.max(noticed);
    sums.received += received.received;
    let said = || format!("{plan:?}: {summary}: {:?}, {received:?}", summary.reasons);
    if [
        received.torn,
        received.disordered,
        summary.malformed,
        summary.unknown,
    ] != [0; 4]
    {
        return Err(format!("torn or out of order: {}", said()));
    }
    for place in 0..=SURVIVOR {
        for thread in 0..plan.threads {
            let line = received.line(place, thread);
            let returned = counters.acknowledged(place, thread);
            sums.acknowledged += returned;
            if line.received < returned || line.skipped > 0 {
                return Err(format!(
                    "process {place} thread {thread}: {returned} returned, {line:?}, {}",
                    said()
                ));
            }
        }
    }
    Ok(())
}

/// Returns the summary, and how long after it the last process ended.
async fn stream(
    plan: &Plan,
    counters: &SharedCounters,
    received: &mut Received,
) -> io::Result<(Summary, Duration)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("ends-child").arg(serde_json::to_string(plan)?);
    command.env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let spawn = Spawn::new(command).filter("trace").grace(plan.grace());
    let (mut child, logs) = spawn.buffer(plan.buffer).spawn()?;
    let summary = logs.run_with(|record| received.add(record)).await;
    let ended = Instant::now();
    let summary = summary.map_err(io::Error::other)?;
    child.wait().await?;
    if let Some(pid) = counters.pid(SURVIVOR) {
        trial::wait(pid).await?;
    }
    Ok((summary, ended.elapsed()))
}

/// Runs the child of a trial.
pub(crate) fn child(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let slots = Slots::open(&plan.counters).expect("the counters");
    text(0, 0);
    let builder = PipeHandler::builder().delivery(Delivery::Shared);
    let handler = Box::leak(Box::new(builder.build().expect("a record pipe")));
    let place = match plan.kind {
        Kind::Closed => 0,
        Kind::Holder | Kind::Fork => fork(),
    };
    slots.pid(place).store(process::id().into(), Release);
    thread::scope(|scope| {
        for thread in 0..plan.threads {
            let (plan, handler) = (&plan, &*handler);
            scope.spawn(move || log_until_refused(plan, handler, slots, place, thread));
        }
        thread::sleep(Duration::from_micros(plan.end_micros));
        match (plan.kind, place) {
            (Kind::Closed, _) | (Kind::Fork, SURVIVOR) => close_everything(),
            (Kind::Holder, SURVIVOR) => {}
            // SAFETY: it has no conditions.
            _ => unsafe { libc::_exit(0) },
        }
    });
}

/// Returns the place of the process.
fn fork() -> usize {
    // SAFETY: the process has one thread.
    match unsafe { libc::fork() } {
        0 => SURVIVOR,
        pid => {
            assert!(pid > 0, "fork: {}", io::Error::last_os_error());
            0
        }
    }
}

fn close_everything() {
    // SAFETY: nothing in this process uses a descriptor from here on, but for the handler, which must bear it.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
}

/// Counts a record as acknowledged if the parent was not gone after its log call.
fn log_until_refused(
    plan: &Plan,
    handler: &PipeHandler,
    slots: Slots,
    place: usize,
    thread: usize,
) {
    for n in 0.. {
        let place_of_record = Place {
            member: place,
            thread,
            n,
        };
        let number = place_of_record.number(0);
        let message = Message {
            place: place_of_record,
            text: text((number % 300) as usize, number),
            middle: || {},
        };
        slots.begun(place, thread).store(n + 1, Release);
        let record = &mut log::Record::builder();
        handler.log(
            &record
                .args(format_args!("{message}"))
                .target("campaign")
                .build(),
        );
        if handler.is_gone() {
            return;
        }
        slots.acknowledged(place, thread).store(n + 1, Release);
        if plan.pause_micros > 0 {
            thread::sleep(Duration::from_micros(plan.pause_micros));
        }
    }
}
