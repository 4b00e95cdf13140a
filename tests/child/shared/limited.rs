//! Children and parents to whom the system refuses parts of a shared buffer.

use std::{process::Command, thread};

use pipe_handler::Delivery;
use pipe_subscriber::{Spawn, Summary};
use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{Resource, Rlimit, setrlimit},
};

use crate::{
    descriptors::open_descriptors,
    parents::runtime,
    refused::refuse,
    tools::{pattern, say, settings},
};

/// The buffer that the parents offer. It does not fit into the address space of `as`.
const BUFFER: usize = 64 * 1024 * 1024;

/// Lowers a limit, or refuses these system calls.
fn limit(how: &str, errno: &str) {
    match how {
        "none" => {}
        "fsize" => lower(Resource::Fsize, 64 * 1024),
        "as" => lower(Resource::As, used_addresses() + 32 * 1024 * 1024),
        "nofile" => lower(Resource::Nofile, 0),
        "mlockall" => mlockall(MlockAllFlags::FUTURE).expect("a limit of locked memory"),
        calls => refuse(errno, calls),
    }
}

fn lower(resource: Resource, limit: u64) {
    let limit = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(resource, limit).expect("a lower limit");
}

/// Returns the bytes of address space that this process uses.
fn used_addresses() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages = pages.split(' ').next().and_then(|pages| pages.parse().ok());
    4096 * pages.unwrap_or(u64::MAX / 8192)
}

/// Two threads log records of this size, while the system refuses something from the start, or since the first record.
pub(crate) fn child(how: &str, errno: &str, since: &str, records: usize, size: usize) {
    if since == "start" {
        limit(how, errno);
    }
    let builder = settings().delivery(Delivery::Shared);
    builder.init().expect("a record pipe");
    log::info!("first");
    if since != "start" {
        limit(how, errno);
    }
    let text = pattern(size, 0);
    let log = || (0..records).for_each(|n| log::info!(n; "{text}"));
    log();
    thread::scope(|scope| scope.spawn(log).join().expect("no panic"));
}

/// Starts a child with a buffer under a limit. Prints what came of it.
pub(crate) fn parent(how: &str, errno: &str) {
    let runtime = runtime();
    limit(how, errno);
    let summary = runtime.block_on(read_one(BUFFER)).expect("a child");
    let is_complete = summary.is_complete();
    say(&format!("{} {is_complete}", summary.received));
    say(&summary.reasons.join("; "));
}

async fn read_one(buffer: usize) -> std::io::Result<Summary> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["limited", "none", "", "start", "2", "100"]);
    let spawn = Spawn::new(command).filter("trace").buffer(buffer);
    let (mut child, logs) = spawn.spawn()?;
    let summary = logs.run_with(|_| {}).await.expect("no read error");
    assert!(child.wait()?.success());
    Ok(summary)
}

/// Starts children without a buffer and with one, while so many more descriptors can be had. Prints which of them could
/// be started, and what was read.
pub(crate) fn parent_with_few_descriptors() {
    let runtime = runtime();
    let used = open_descriptors().into_iter().max().unwrap_or(2) as u64 + 1;
    for spare in 0..16 {
        let limit = Rlimit {
            current: Some(used + spare),
            maximum: Some(4096),
        };
        setrlimit(Resource::Nofile, limit).expect("a limit");
        let received = [0, 1024 * 1024].map(|buffer| {
            let summary = runtime.block_on(read_one(buffer));
            summary.map_or(0, |summary| summary.received)
        });
        say(&format!("{spare}: {} {}", received[0], received[1]));
    }
}
