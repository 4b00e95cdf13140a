//! The processes of one buffer: one that starts the others and logs nothing, and those that log, die and end.

use std::{
    collections::VecDeque,
    fs,
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    process::{self, Child, Command, Stdio},
    sync::{
        Barrier,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
    thread,
    time::{Duration, Instant},
};

use pipe_handler::{Delivery, PipeHandler};
use record_proto::Layout;
use rustix::process::{Signal, getpid, kill_process};

use super::OVER;
use super::plan::{Claimer, End, Kind, Plan, THREADS};
use crate::{
    message::{Message, Place, text},
    shared_words,
};

/// The processes that live at the same time, at most.
const AT_ONCE: usize = 6;
/// How long the rings may take to be free again.
const LIMIT: Duration = Duration::from_secs(20);

/// The owners of the rings at the end, one word each.
const OWNERS_AT: usize = 0;
const RINGS: usize = 64;
/// How many log calls have returned, for each thread of each process.
const RETURNED_AT: usize = OWNERS_AT + RINGS;

/// Returns the number of words that the processes share.
pub(super) fn words(plan: &Plan) -> usize {
    RETURNED_AT + plan.processes * (THREADS + 1)
}

/// Returns the owners of the rings at the end; 0 is a free ring, and the maximum none.
pub(super) fn owners(words: &[AtomicU64]) -> Vec<u64> {
    let owners = words[OWNERS_AT..][..RINGS]
        .iter()
        .map(|word| word.load(Acquire));
    owners.filter(|owner| *owner != u64::MAX).collect()
}

/// Returns how many log calls of a thread have returned.
pub(super) fn returned(words: &[AtomicU64], process: usize, thread: usize) -> &AtomicU64 {
    &words[RETURNED_AT + process * (THREADS + 1) + thread]
}

/// Runs a process to its end: that of a number, or the one that starts the others.
pub(crate) fn run(plan: &str, number: Option<usize>, has_changed: bool) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let words = shared_words::open(&plan.words).expect("the words");
    let builder = PipeHandler::builder().delivery(Delivery::Shared);
    builder.init().expect("a record pipe");
    match number {
        None => start_all(&plan, words),
        Some(number) if has_changed => log(&plan, words, number, THREADS),
        Some(number) => live(&plan, words, number),
    }
}

fn start_all(plan: &Plan, words: &'static [AtomicU64]) {
    // This process has rings too: it has said hello.
    let own = wait_for_rings(|_| true);
    let mut running = VecDeque::new();
    for number in 0..plan.processes {
        if running.len() == AT_ONCE
            && let Some(oldest) = running.pop_front()
        {
            finish(oldest);
        }
        let child = command(plan, number).spawn().expect("a child");
        running.push_back((child, plan.claimer(number).end));
    }
    running.into_iter().for_each(finish);
    // A parent that sleeps looks at the rings once more when somebody logs.
    log::info!(target: OVER, "");
    // In a buffer of processes that die they are not free again.
    let owners = wait_for_rings(|owners| plan.kind == Kind::Die || owners == own);
    let is_own = |owner: &u64| plan.kind == Kind::End && own.contains(owner);
    for (place, word) in words[OWNERS_AT..][..RINGS].iter().enumerate() {
        let owner = owners.get(place).copied().unwrap_or(u64::MAX);
        // Those of this process do not count.
        word.store(if is_own(&owner) { 0 } else { owner }, Release);
    }
}

fn finish((mut child, end): (Child, End)) {
    if let End::Outside { micros } = end {
        thread::sleep(Duration::from_micros(micros));
        child.kill().expect("a process");
    }
    let status = child.wait().expect("a status");
    let is_expected = match end {
        End::Exit | End::UnderscoreExit | End::Exec => status.success(),
        End::Abort => status.signal() == Some(libc::SIGABRT),
        End::Kill => status.signal() == Some(libc::SIGKILL),
        // It may have ended before.
        End::Outside { .. } => status.success() || status.signal() == Some(libc::SIGKILL),
    };
    assert!(is_expected, "{end:?}: {status}");
}

/// Returns the owners of all rings, after the parent has made them what they are to be or had its time.
fn wait_for_rings(are_right: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let words = buffer();
    let layout = Layout::read(words).expect("a buffer");
    let deadline = Instant::now() + LIMIT;
    loop {
        let owners = (0..layout.rings()).map(|ring| layout.ring(words, ring).owner.load(Acquire));
        let owners: Vec<_> = owners.collect();
        if are_right(&owners) || Instant::now() > deadline {
            return owners;
        }
        thread::yield_now();
    }
}

/// Maps the buffer of this process, whose descriptor the handler keeps.
fn buffer() -> &'static [AtomicU64] {
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    let inode: u64 = variable
        .split(':')
        .nth(6)
        .and_then(|inode| inode.parse().ok())
        .expect("a buffer");
    let descriptors = fs::read_dir("/proc/self/fd").expect("procfs");
    let mut paths = descriptors.map(|entry| entry.expect("an entry").path());
    let is_buffer =
        |path: &std::path::PathBuf| fs::metadata(path).is_ok_and(|file| file.ino() == inode);
    let path = paths.find(is_buffer).expect("the handler's descriptor");
    shared_words::open(path.to_str().expect("a path")).expect("a map")
}

fn command(plan: &Plan, number: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    let plan = serde_json::to_string(plan).expect("JSON");
    command.args(["claims-child", &plan, "--number", &number.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    command
}

/// Logs from several threads, which live until the end, and ends.
fn live(plan: &Plan, words: &'static [AtomicU64], number: usize) {
    let claimer = plan.claimer(number);
    let barrier = Barrier::new(claimer.threads);
    thread::scope(|scope| {
        for thread in 1..claimer.threads {
            let barrier = &barrier;
            scope.spawn(move || {
                log(plan, words, number, thread);
                barrier.wait();
                if claimer.end != End::Exit {
                    loop {
                        thread::park();
                    }
                }
            });
        }
        log(plan, words, number, 0);
        barrier.wait();
        end(plan, number, claimer);
    });
}

fn end(plan: &Plan, number: usize, claimer: Claimer) {
    match claimer.end {
        End::Exit => {}
        End::Outside { .. } => loop {
            thread::park();
        },
        End::Kill => kill_process(getpid(), Signal::KILL).expect("a process"),
        // SAFETY: it has no conditions.
        End::UnderscoreExit => unsafe { libc::_exit(0) },
        End::Abort => process::abort(),
        End::Exec => {
            let error = command(plan, number).arg("--has-changed").exec();
            panic!("exec: {error}");
        }
    }
}

fn log(plan: &Plan, words: &'static [AtomicU64], number: usize, thread: usize) {
    let returned = returned(words, number, thread);
    for n in 0..plan.claimer(number).records_of(thread) {
        let place = Place {
            member: number,
            thread,
            n,
        };
        let length = place.number(plan.seed) % 300;
        let text = text(usize::try_from(length).expect("small"), n);
        let message = Message {
            place,
            text,
            middle: || {},
        };
        log::info!(target: "claims", "{message}");
        returned.store(n + 1, Release);
    }
}
