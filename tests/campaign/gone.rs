//! Parents that die or drop their subscriber while a child logs, and the time until each of its threads knows.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileExt,
    process::{self, Stdio},
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use fastrand::Rng;
use log::Log;
use pipe_handler::{Delivery, PipeHandler};
use pipe_subscriber::Spawn;
use rustix::{
    process::{Pid, Signal, kill_process},
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};
use tokio::{
    process::{Child, Command},
    runtime::Runtime,
    task::spawn_blocking,
    time::sleep,
};

use crate::{
    random::any_seed,
    shared_words::{self, SharedWords},
    trial,
};

const THREADS: usize = 4;
/// A thread that does not know by then hangs.
const LIMIT: Duration = Duration::from_secs(10);
/// The interval between two looks at something that gives no event.
const GLANCE: Duration = Duration::from_millis(1);
/// Threads that have not logged for so long wait for room.
const STILL: Duration = Duration::from_millis(50);
/// The pause of a thread that logs now and then.
const PAUSE: Duration = Duration::from_millis(20);
/// 16 rings of 32 KiB.
const BUFFER: usize = 512 * 1024;

/// The pid of a child, and for each thread: how many log calls have returned, and when it knew.
const WORDS: usize = 1 + 2 * THREADS;

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How many parents go in each way, under each load
    #[arg(long, default_value_t = 50)]
    count: usize,
    /// Fails if a thread needs longer to know; 0: any time
    #[arg(long, default_value_t = 0)]
    limit_millis: u64,
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
enum Way {
    /// The parent is killed while it says that it sleeps.
    KilledAsleep,
    /// The parent is killed while it says that it looks by itself.
    KilledAwake,
    /// The subscriber is dropped, and the parent lives on.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Load {
    /// The threads wait for room.
    Waiting,
    /// The threads log now and then.
    NowAndThen,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Plan {
    way: Way,
    load: Load,
    words: String,
}

/// Returns whether all threads knew in time.
pub(crate) fn run(options: &Options, runtime: &Runtime) -> bool {
    let seed = options.seed.unwrap_or_else(any_seed);
    println!("--seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut is_good = true;
    for way in [Way::KilledAsleep, Way::KilledAwake, Way::Dropped] {
        for load in [Load::Waiting, Load::NowAndThen] {
            let trials = (0..options.count).map(|_| {
                let pause = random.u64(..30_000);
                runtime.block_on(trial(way, load, Duration::from_micros(pause)))
            });
            let times: Result<Vec<_>, _> = trials.collect();
            is_good &= report(way, load, times, options);
        }
    }
    is_good
}

/// Prints how long the slowest thread of each child needed.
fn report(way: Way, load: Load, times: io::Result<Vec<Duration>>, options: &Options) -> bool {
    let mut times = match times {
        Ok(times) => times,
        Err(error) => {
            println!("{way:?}, {load:?}: {error}");
            return false;
        }
    };
    times.sort();
    let most = times.last().copied().unwrap_or_default();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "{way:?}, {load:?}: {} times, known after {median:.1?} (median), {most:.1?} (most)",
        times.len()
    );
    options.limit_millis == 0 || most <= Duration::from_millis(options.limit_millis)
}

async fn trial(way: Way, load: Load, pause: Duration) -> io::Result<Duration> {
    let file = SharedWords::new(WORDS)?;
    let plan = Plan {
        way,
        load,
        words: file.path(),
    };
    let words = shared_words::open(&file.path())?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("gone-parent")
        .arg(serde_json::to_string(&plan)?);
    command.stdin(Stdio::piped()).kill_on_drop(true);
    let mut parent = command.spawn()?;
    let until = Instant::now() + LIMIT;
    wait_until(until, || {
        returned(words).iter().all(|&returned| returned > 1)
    })
    .await?;
    let child = i32::try_from(words[0].load(Acquire)).ok();
    let child = child.and_then(Pid::from_raw).expect("a child that logs");
    sleep(pause).await;
    match way {
        Way::KilledAsleep | Way::KilledAwake => {
            stop_when(way == Way::KilledAsleep, pid_of(&parent), child, until).await?;
        }
        Way::Dropped => kill_process(pid_of(&parent), Signal::STOP)?,
    }
    if load == Load::Waiting {
        wait_for_stillness(words, until)
            .await
            .map_err(|_| io::Error::other("the threads never waited"))?;
    }

    let began = monotonic();
    match way {
        Way::KilledAsleep | Way::KilledAwake => kill_process(pid_of(&parent), Signal::KILL)?,
        Way::Dropped => {
            drop(parent.stdin.take());
            kill_process(pid_of(&parent), Signal::CONT)?;
        }
    }
    let known = || (0..THREADS).map(|thread| words[knew(thread)].load(Acquire));
    let all_know = wait_until(until, || known().all(|at| at > 0)).await;
    let _gone = parent.start_kill();
    parent.wait().await?;
    if let Err(error) = all_know {
        kill_process(child, Signal::KILL)?;
        trial::wait(child).await?;
        let known: Vec<_> = known().collect();
        return Err(io::Error::other(format!(
            "{error}: threads that know {known:?}, returned {:?}",
            returned(words)
        )));
    }
    trial::wait(child).await?;
    let last = known().max().unwrap_or_default();
    Ok(Duration::from_nanos(last.saturating_sub(began)))
}

/// Stops the parent at a moment at which it says that it sleeps, or that it does not.
async fn stop_when(is_asleep: bool, parent: Pid, child: Pid, until: Instant) -> io::Result<()> {
    loop {
        kill_process(parent, Signal::STOP)?;
        if bell(child)? % 2 == u64::from(is_asleep) {
            return Ok(());
        }
        kill_process(parent, Signal::CONT)?;
        if Instant::now() > until {
            return Err(io::Error::other("the parent's word never said so"));
        }
        sleep(GLANCE).await;
    }
}

/// Reads the bell's word of the child's buffer.
fn bell(child: Pid) -> io::Result<u64> {
    const BELL: u64 = 64;
    let folder = format!("/proc/{}/fd", child.as_raw_nonzero());
    for descriptor in fs::read_dir(folder)? {
        let path = descriptor?.path();
        if fs::read_link(&path)?
            .to_string_lossy()
            .starts_with("/memfd:")
        {
            let mut word = [0; 8];
            File::open(path)?.read_exact_at(&mut word, BELL)?;
            return Ok(u64::from_ne_bytes(word));
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn pid_of(parent: &Child) -> Pid {
    let pid = parent.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    pid.expect("a child that nobody has waited for")
}

async fn wait_until(until: Instant, mut condition: impl FnMut() -> bool) -> io::Result<()> {
    while !condition() {
        if Instant::now() > until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(GLANCE).await;
    }
    Ok(())
}

async fn wait_for_stillness(words: &[AtomicU64], until: Instant) -> io::Result<()> {
    let mut seen = (returned(words), Instant::now());
    let is_still = || {
        let now = returned(words);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
        seen.1.elapsed() > STILL
    };
    wait_until(until, is_still).await
}

fn returned(words: &[AtomicU64]) -> [u64; THREADS] {
    std::array::from_fn(|thread| words[1 + 2 * thread].load(Acquire))
}

fn knew(thread: usize) -> usize {
    2 + 2 * thread
}

/// Returns the time on the clock that all processes share, in nanoseconds.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).expect("positive")
}

/// Runs as the parent, until it is killed.
pub(crate) async fn parent(plan: &str) {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg("gone-child").arg(plan).stdin(Stdio::null());
    let spawn = Spawn::new(command).filter("trace").buffer(BUFFER);
    let (_child, logs) = spawn.spawn().expect("a child");
    tokio::select! {
        summary = logs.run_with(|_| {}) => drop(summary),
        _ = spawn_blocking(|| io::stdin().read(&mut [0])) => {}
    }
    // The subscriber is dropped.
    std::future::pending().await
}

/// Runs as the child: logs until each thread knows that the parent is gone.
pub(crate) fn child(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let words = shared_words::open(&plan.words).expect("the words");
    let builder = PipeHandler::builder().delivery(Delivery::Shared);
    let handler = builder.build().expect("a record pipe");
    words[0].store(process::id().into(), Release);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (load, handler) = (plan.load, &handler);
            scope.spawn(move || log_until_known(load, handler, words, thread));
        }
    });
    // SAFETY: it has no conditions. The process ends without its exit hooks, which might wait for a parent.
    unsafe { libc::_exit(0) };
}

fn log_until_known(load: Load, handler: &PipeHandler, words: &[AtomicU64], thread: usize) {
    for n in 0_u64.. {
        let mut record = log::Record::builder();
        handler.log(&record.args(format_args!("record {n:>100}")).build());
        words[1 + 2 * thread].store(n + 1, Release);
        if handler.is_gone() {
            words[knew(thread)].store(monotonic(), Release);
            return;
        }
        if load == Load::NowAndThen {
            thread::sleep(PAUSE);
        }
    }
}
