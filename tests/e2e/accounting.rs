//! With any policy, capacity and reader, received + dropped = logged for each level, and drops are reported in time.
//!
//! The handlers are in the process of the test, on pipes whose reader stalls as the case says.
//! `PROPTEST_CASES=5000 cargo test -p tests --test e2e accounting` tries more than the usual number of cases.

mod case;
mod counters;
mod stall;

use std::{
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

use log::{Level, Log};
use pipe_handler::PipeHandler;
use proptest::prelude::*;
use tokio::net::unix::pipe;

use case::{Case, case, text};
use counters::{Logged, check};
use stall::Reader;

use crate::support::watch;

/// How the records of a case leave their handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    /// Through a drain that is a task, over a writer of tokio's.
    Elsewhere,
}

#[test]
fn with_direct_delivery_every_record_is_accounted_for() {
    try_cases(Way::Direct);
}

#[test]
fn over_another_writer_every_record_is_accounted_for() {
    try_cases(Way::Elsewhere);
}

fn try_cases(way: Way) {
    let settings = ProptestConfig {
        failure_persistence: None,
        // A case with threads is not repeatable enough to shrink it for long.
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    };
    let dropped = AtomicU64::new(0);
    proptest!(settings, |(case in case())| {
        dropped.fetch_add(run(&case, way), SeqCst);
    });
    assert!(dropped.into_inner() > 0, "no case was hard enough");
}

/// The state that the threads of a case share with its reader.
#[derive(Default)]
struct Progress {
    /// Log calls that have returned.
    calls: AtomicU64,
    /// No more records will come.
    done: AtomicBool,
}

/// Returns how many records were dropped.
fn run(case: &Case, way: Way) -> u64 {
    let _alive = watch();
    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    rustix::pipe::fcntl_setpipe_size(&read_end, case.pipe).expect("a size");
    let progress = Progress::default();
    let (stream, logged) = thread::scope(|scope| {
        let reader = Reader {
            pipe: read_end,
            stalls: &case.stalls,
            progress: &progress,
            may_wait: case.may_wait_for_ever(),
        };
        let reader = scope.spawn(move || reader.read());
        let (handler, drain) = open(case, way, write_end.into());
        let drain = drain.map(|drain| scope.spawn(drain));
        let mut logged = log_all(case, &handler, &progress);
        if case.flush {
            progress.done.store(true, SeqCst);
            handler.flush();
        }
        let counts = handler.counts();
        (logged.sent, logged.dropped) = (counts.sent, counts.dropped);
        progress.done.store(true, SeqCst);
        drop(handler);
        if let Some(drain) = drain {
            drain.join().expect("no panic");
        }
        (reader.join().expect("no panic"), logged)
    });
    // Nobody waits for a drain that is a task: its close is lost if there is no room at that moment.
    let may_lack_close = way == Way::Elsewhere && !case.flush;
    check(case, &stream, &logged, may_lack_close);
    logged.dropped
}

/// Returns the handler of a case, and its drain if no thread of the handler runs it.
fn open(case: &Case, way: Way, pipe: OwnedFd) -> (PipeHandler, Option<impl FnOnce() + Send>) {
    let builder = case.builder();
    if way == Way::Direct {
        return (builder.build_on(pipe).expect("a handler"), None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let entered = runtime.enter();
    let writer = pipe::Sender::from_owned_fd(pipe).expect("a pipe");
    drop(entered);
    let (handler, drain) = builder.build_over(writer).expect("a handler");
    let drain = move || runtime.block_on(drain).expect("a reader");
    (handler, Some(drain))
}

/// Each thread logs what the case says.
fn log_all(case: &Case, handler: &PipeHandler, progress: &Progress) -> Logged {
    let threads: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..case.threads)
            .map(|t| {
                scope.spawn(move || {
                    for (n, &(level, size)) in case.records.iter().enumerate() {
                        log_one(handler, t, n, level, size);
                        progress.calls.fetch_add(1, SeqCst);
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    assert!(threads.iter().all(Result::is_ok), "a log call panicked");
    Logged::of(case)
}

fn log_one(handler: &PipeHandler, t: usize, n: usize, level: Level, size: usize) {
    let text = text(n, size);
    let mut record = log::Record::builder();
    record.level(level).target("accounting");
    handler.log(&record.args(format_args!("t{t} n{n} {text}")).build());
}
