//! Parents that are gone, slow, out of descriptors or out of disk.

use std::{
    fs::OpenOptions,
    io,
    os::fd::OwnedFd,
    process::{Command as StdCommand, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use log::{LevelFilter, Log, Metadata, Record};
use pipe_handler::Overflow;
use pipe_subscriber::{PipeSubscriber, Spawn, StreamEnd, Via, spawn};
use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit},
    time::{ClockId, clock_gettime},
};

use crate::{
    descriptors::open_descriptors,
    parents::{child, runtime},
    tools::{hear, init_with, pattern, say, settings, wait_until},
};

/// Returns the processor time of this process so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("positive")
}

/// Returns how many writes this process has tried so far.
fn writes() -> u64 {
    let figures = std::fs::read_to_string("/proc/self/io").expect("figures");
    let writes = figures
        .lines()
        .find_map(|line| line.strip_prefix("syscw: "));
    writes.expect("a figure").parse().expect("a number")
}

/// Logs on when its parent is gone, and prints the cost: writes and nanoseconds of processor time for these calls, then
/// for doing nothing until the test sends a line.
pub(crate) fn parent_is_gone(how: &str) {
    const CALLS: u32 = 200_000;
    let overflow = match how {
        "block" => Overflow::Block,
        _ => Overflow::DropNewest,
    };
    let handler = init_with(settings().filter("trace").overflow(overflow));
    log::info!("before");
    say("ready");
    hear();
    wait_until(|| {
        log::info!("{}", pattern(100, 0));
        handler.is_gone()
    });
    let (tried, began) = (writes(), processor_time());
    for n in 0..CALLS {
        log::info!(n; "nobody hears it");
    }
    let logged = processor_time();
    say(&(writes() - tried).to_string());
    say(&(logged - began).as_nanos().to_string());
    hear();
    say(&(processor_time() - logged).as_nanos().to_string());
    hear();
}

/// Reads a child until the test kills this process. The child has its stdin and stdout.
pub(crate) fn killed(how: &str) {
    runtime().block_on(async {
        let mut command = child("gone");
        command.arg(how);
        let spawned = Spawn::new(command).filter("trace").spawn();
        let (_child, logs) = spawned.expect("a child");
        logs.run().await.expect("no read error");
    });
}

pub(crate) fn limit_descriptors(current: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(current);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("a limit");
}

/// Spawns with no descriptor left, with one, and so on until a spawn succeeds. Prints how many spawns failed, how
/// many descriptors were left open, and how the streams of the successful spawn and of a later one ended.
pub(crate) fn limits() {
    limit_descriptors(64);
    let runtime = runtime();
    let _inside = runtime.enter();
    // The descriptors that the runtime opens once.
    let first = try_spawn(Via::Fd, Vec::new()).expect("a child");
    runtime.block_on(first.end());
    for via in [Via::Fd, Via::Stdin] {
        let before = open_descriptors().len();
        let mut failed = 0;
        let at_limit = loop {
            let mut held: Vec<OwnedFd> = every_descriptor().collect();
            held.truncate(held.len() - failed);
            match try_spawn(via, held) {
                Ok(spawned) => break spawned,
                Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}"),
            }
            assert_eq!(
                open_descriptors().len(),
                before,
                "nothing is left of {failed}"
            );
            failed += 1;
        };
        let at_limit = runtime.block_on(at_limit.end());
        let left = open_descriptors().len() - before;
        let later = try_spawn(via, Vec::new()).expect("a child");
        let later = runtime.block_on(later.end());
        say(&format!("{failed} {left} {at_limit} {later}"));
    }
}

/// Opens all descriptors that this process may still open.
pub(crate) fn every_descriptor() -> impl Iterator<Item = OwnedFd> {
    std::iter::from_fn(|| fcntl_dupfd_cloexec(io::stdin(), 3).ok())
}

struct Spawned {
    child: tokio::process::Child,
    logs: PipeSubscriber,
    /// The other descriptors of this process, so that it stays at its limit.
    _held: Vec<OwnedFd>,
}

/// A child that leaves another one with the pipe.
fn try_spawn(via: Via, mut held: Vec<OwnedFd>) -> io::Result<Spawned> {
    let mut command = child("leave-sleeper");
    command.arg("shared").kill_on_drop(true);
    // As they are: nothing has to be opened for them.
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit());
    let spawn = Spawn::new(command).via(via).filter("info");
    let (child, logs) = spawn.grace(Duration::from_millis(1)).spawn()?;
    if !held.is_empty() {
        held.extend(every_descriptor());
    }
    Ok(Spawned {
        child,
        logs,
        _held: held,
    })
}

impl Spawned {
    /// How the stream ended.
    async fn end(mut self) -> StreamEnd {
        let mut sleeper = None;
        let run = self.logs.run_with(|record| {
            sleeper = record.key_values.get("sleeper").map(|pid| pid.to_string());
        });
        let (summary, status) = tokio::join!(run, self.child.wait());
        assert!(status.expect("a status").success());
        let sleeper = sleeper.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        kill_process(sleeper.expect("a pid"), Signal::KILL).expect("a process");
        summary.expect("no read error").end
    }
}

/// A logger that writes where there is never any room.
pub(crate) fn full_disk() {
    let disk = OpenOptions::new().write(true).open("/dev/full");
    env_logger::builder()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Pipe(Box::new(disk.expect("a device"))))
        .init();
    runtime().block_on(async {
        let mut command = child("order");
        command.args(["2", "1000"]);
        let (mut child, logs) = spawn(command).expect("a child");
        let summary = logs.run().await.expect("no read error");
        assert!(child.wait().await.expect("a status").success());
        say(&summary.to_string());
    });
}

/// Its records wait until it may go on.
struct Slow(Arc<AtomicBool>);

impl Log for Slow {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // What a runtime of this process says of itself would wait for itself.
        if record.target().starts_with("e2e_child") {
            wait_until(|| self.0.load(SeqCst));
        }
    }

    fn flush(&self) {}
}

/// A logger that is slow for the child of one thread keeps nothing from the child of another.
pub(crate) fn slow_sink() {
    let go = Arc::new(AtomicBool::new(false));
    log::set_boxed_logger(Box::new(Slow(Arc::clone(&go)))).expect("no logger before");
    log::set_max_level(LevelFilter::Trace);
    let start = || {
        let mut command = StdCommand::new(std::env::current_exe().expect("a path"));
        command.args(["order", "2", "20000"]);
        Spawn::new(command).spawn().expect("a child")
    };
    let (mut slow_child, slow) = start();
    let slow = slow.run_on_thread().expect("a thread");
    let (mut child, logs) = start();
    let summary = runtime().block_on(logs.run_with(|_| {}));
    say(&summary.expect("no read error").to_string());
    assert!(child.wait().expect("a status").success());
    assert!(
        slow_child.try_wait().expect("a status").is_none(),
        "it waits"
    );
    go.store(true, SeqCst);
    let summary = slow.join().expect("no panic").expect("no read error");
    say(&summary.to_string());
    assert!(slow_child.wait().expect("a status").success());
}
