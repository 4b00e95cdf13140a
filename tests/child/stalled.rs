//! The time of a log call while nobody reads.

use std::{
    io,
    time::{Duration, Instant},
};

use log::{Level, Log, Record};
use pipe_handler::{Overflow, PipeHandler};

use crate::tools::{init_with, say, settings, wait_until};

fn policy(name: &str) -> Overflow {
    match name {
        "drop" => Overflow::DropNewest,
        "5ms" => Overflow::BlockFor(Duration::from_millis(5)),
        "50ms" => Overflow::BlockFor(Duration::from_millis(50)),
        other => panic!("there is no policy {other:?}"),
    }
}

/// Fills the pipe and the queue, and prints the nanoseconds of the longest of this many further calls.
pub(crate) fn calls(name: &str, calls: usize) {
    let builder = settings().overflow(policy(name)).filter("info");
    // Nobody will ever read, so the exit must not wait.
    let handler = init_with(builder.exit_timeout(Duration::ZERO));
    let times = stalled_calls(handler, calls);
    say(&times.last().expect("a call").as_nanos().to_string());
}

/// Returns the sorted times of log calls after the first drop.
fn stalled_calls(handler: &PipeHandler, calls: usize) -> Vec<Duration> {
    wait_until(|| {
        log_one(handler);
        handler.counts().dropped > 0
    });
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let began = Instant::now();
            log_one(handler);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn log_one(handler: &PipeHandler) {
    let mut record = Record::builder();
    record.level(Level::Info).target("stalled");
    handler.log(
        &record
            .args(format_args!("a record of an ordinary size"))
            .build(),
    );
}

/// Prints the time of a log call while the parent does not read. Needs no parent.
pub(crate) fn table() {
    say("| policy | calls | p50 | p100 |\n|---|---|---|---|");
    for (name, calls) in [("drop", 100_000), ("5ms", 200), ("50ms", 20)] {
        let (_read_end, write_end) = io::pipe().expect("a pipe");
        let builder = PipeHandler::builder().overflow(policy(name));
        let builder = builder.exit_timeout(Duration::ZERO);
        let handler = builder.build_on(write_end).expect("a handler");
        let times = stalled_calls(&handler, calls);
        let (middle, most) = (times[times.len() / 2], times[times.len() - 1]);
        say(&format!("| {name} | {calls} | {middle:.1?} | {most:.1?} |"));
    }
}
