//! Parents, for tests of a whole process: its logger, its descriptors.

use std::{
    collections::HashSet,
    io::ErrorKind,
    mem::MaybeUninit,
    process::{Command as StdCommand, Stdio},
    ptr,
    sync::{Barrier, Mutex},
    thread,
};

use log::LevelFilter;
use pipe_subscriber::{Spawn, Via, spawn};
use tokio::{
    process::Command,
    runtime::{Builder, Runtime},
};

use crate::{
    descriptors::{open_descriptors, pipe_inode},
    tools::say,
};

pub(crate) fn child(scenario: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg(scenario);
    command
}

pub(crate) fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Parent and child log hello to the one logger.
pub(crate) fn hello() {
    env_logger::builder()
        .filter_level(LevelFilter::Info)
        .target(env_logger::Target::Stdout)
        .init();
    runtime().block_on(async {
        log::info!("hello from parent process");
        let (mut child, logs) = spawn(child("child-hello")).expect("a child");
        let logs = tokio::spawn(logs.run());
        child.wait().await.expect("a status");
        let summary = logs.await.expect("no panic").expect("no read error");
        say(&summary.to_string());
    });
}

pub(crate) fn child_hello() {
    let alone = env_logger::builder()
        .filter_level(LevelFilter::Info)
        .target(env_logger::Target::Stdout)
        .build();
    pipe_handler::init_or(alone).expect("one logger");
    log::info!(user = 7; "hello from child process");
}

/// Prints the numbers of descriptors before and after many children, the number of write ends right after a spawn, and
/// the number of children that were not clean.
pub(crate) fn many_spawns(rounds: usize) {
    runtime().block_on(async {
        // The descriptors that the runtime opens once.
        for _ in 0..3 {
            assert!(one_child().await.0, "clean");
        }
        let before = open_descriptors();
        let (mut unclean, mut left) = (0, 0);
        for _ in 0..rounds {
            let (clean, write_ends) = one_child().await;
            unclean += usize::from(!clean);
            left += write_ends;
        }
        let after = open_descriptors();
        say(&format!(
            "{} {} {left} {unclean}",
            before.len(),
            after.len()
        ));
    });
}

async fn one_child() -> (bool, usize) {
    let mut command = child("log");
    command.arg("3");
    let before = write_ends();
    let spawned = Spawn::new(command).filter("info").spawn();
    let (mut child, logs) = spawned.expect("a child");
    let left = write_ends().difference(&before).count();
    let summary = logs.run().await.expect("no read error");
    let status = child.wait().await.expect("a status");
    let clean = status.success() && summary.is_complete() && summary.received == 3;
    (clean, left)
}

/// Returns the pipes that this process can write.
fn write_ends() -> HashSet<u64> {
    let can_write = |fd: &i32| {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| !flags.trim_end().ends_with('0'))
    };
    let open = open_descriptors().into_iter().filter(|&fd| fd > 2);
    open.filter(can_write).filter_map(pipe_inode).collect()
}

/// Spawns commands that cannot be started, for each reason, with both `Command` types and both ways to pass the pipe.
pub(crate) fn failing_spawns(rounds: usize) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let nowhere = |mut command: StdCommand| {
        command.current_dir("/nonexistent/directory");
        command
    };
    let fail = || {
        for via in [Via::Fd, Via::Stdin] {
            for (command, kind) in [
                (
                    || StdCommand::new("/nonexistent/program"),
                    ErrorKind::NotFound,
                ),
                // Not a program, even for root.
                (|| StdCommand::new("/dev/null"), ErrorKind::PermissionDenied),
            ] as [(fn() -> StdCommand, ErrorKind); 2]
            {
                let one = Spawn::new(Command::from(command())).via(via).spawn();
                let other = Spawn::new(command()).via(via).spawn();
                let third = Spawn::new(nowhere(StdCommand::new("true")))
                    .via(via)
                    .spawn();
                assert_eq!(one.map(drop).expect_err("no program").kind(), kind);
                assert_eq!(other.map(drop).expect_err("no program").kind(), kind);
                let third = third.map(drop).expect_err("no directory").kind();
                assert_eq!(third, ErrorKind::NotFound);
            }
        }
    };
    fail();
    let before = open_descriptors().len();
    (0..rounds).for_each(|_| fail());
    say(&format!("{before} {}", open_descriptors().len()));
}

/// Prints the most KiB of memory while it reads this many MiB of unfinished records, and the counters.
pub(crate) fn memory(mebibytes: usize) {
    let mut command = child("unfinished");
    command.arg(mebibytes.to_string());
    runtime().block_on(async {
        assert!(one_child().await.0, "clean");
        let before = most_memory();
        let (_child, logs) = spawn(command).expect("a child");
        let summary = logs.run().await.expect("no read error");
        say(&format!("{} {}", most_memory() - before, summary.evicted));
    });
}

/// Returns the peak memory of this process in KiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = most.and_then(|most| most.split_whitespace().next());
    number.expect("a figure").parse().expect("a number")
}

/// Its child gets the maximum level of this process as its filter, and logs at every level.
pub(crate) fn level(level: &str) {
    log::set_max_level(level.parse().expect("a level"));
    runtime().block_on(async {
        let (_child, logs) = spawn(child("levels")).expect("a child");
        let mut seen = Vec::new();
        let run = logs.run_with(|record| seen.push(record.message.to_string()));
        run.await.expect("no read error");
        say(&seen.join(","));
    });
}

/// Its child prints the filter that it gets from a variable of this process.
pub(crate) fn filter_from_env(variable: &str) {
    let mut shell = StdCommand::new("sh");
    shell.args(["-c", "echo \"$RECORD_PIPE_FILTER\""]);
    let spawn = Spawn::new(shell).filter("trace").filter_from_env(variable);
    let (mut child, _logs) = spawn.spawn().expect("a child");
    child.wait().expect("a status");
}

/// Children that are started at the same moment print their pipes. Prints how often one had another's pipe.
pub(crate) fn from_two_threads(rounds: usize) {
    let barrier = Barrier::new(2);
    let all = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..rounds {
                    barrier.wait();
                    let mut command = StdCommand::new(std::env::current_exe().expect("a path"));
                    command.arg("pipes");
                    let spawned = Spawn::new(command).filter("info").spawn();
                    let (mut child, logs) = spawned.expect("a child");
                    let mut told = None;
                    let summary = runtime().block_on(logs.run_with(|record| {
                        let text = |key: &str| record.key_values.get(key).map(|v| v.to_string());
                        told = text("own").zip(text("others"));
                    }));
                    assert!(summary.expect("no read error").is_complete(), "clean");
                    assert!(child.wait().expect("a status").success());
                    all.lock().expect("a list").push(told.expect("a record"));
                }
            });
        }
    });
    let all = all.into_inner().expect("a list");
    let own: HashSet<&str> = all.iter().map(|(own, _)| &**own).collect();
    let leaked = |(_, others): &&(String, String)| others.split(' ').any(|fd| own.contains(fd));
    say(&format!(
        "{} {}",
        all.len(),
        all.iter().filter(leaked).count()
    ));
}

/// The test kills this process while its child logs. The child has this process's stdout.
pub(crate) fn die() {
    runtime().block_on(async {
        let mut command = child("orphan");
        command.arg("drop");
        let (_child, logs) = spawn(command).expect("a child");
        logs.run().await.expect("no read error");
    });
}

/// The records of the runtime itself go through the same logger as the child's records.
pub(crate) fn noisy() {
    env_logger::builder()
        .filter_level(LevelFilter::Trace)
        .target(env_logger::Target::Stderr)
        .init();
    runtime().block_on(async {
        let (mut child, logs) = spawn(child("runtime")).expect("a child");
        let summary = logs.run().await.expect("no read error");
        let status = child.wait().await.expect("a status");
        say(&format!("{summary} {}", status.success()));
    });
}

/// Reads on a thread that was started before any signal was blocked, then waits for SIGTERM as a daemon does: by
/// `sigwait` in a thread that has blocked it.
pub(crate) fn await_a_signal() {
    let mut command = StdCommand::new("cat");
    command.stdout(Stdio::null());
    let (_child, logs) = Spawn::new(command).filter("info").spawn().expect("a child");
    let _thread = logs.run_on_thread().expect("a thread");
    let mut awaited = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: It points to a place for a set, which this call fills in.
    unsafe { libc::sigemptyset(awaited.as_mut_ptr()) };
    // SAFETY: The set is filled in.
    unsafe { libc::sigaddset(awaited.as_mut_ptr(), libc::SIGTERM) };
    // SAFETY: The same; the mask that was is not asked for.
    let refused =
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, awaited.as_ptr(), ptr::null_mut()) };
    assert_eq!(refused, 0);
    say("ready");
    let mut signal = 0;
    // SAFETY: The set is filled in, and the number is written to a place for one.
    assert_eq!(unsafe { libc::sigwait(awaited.as_ptr(), &mut signal) }, 0);
    say(&signal.to_string());
}

/// Asks for a thread, within a runtime, while the system refuses threads.
pub(crate) fn thread_that_cannot_be_had() {
    runtime().block_on(async {
        let (_child, logs) = spawn(child("log")).expect("a child");
        let refused = logs.run_on_thread().map(drop).expect_err("no thread");
        say(&refused.kind().to_string());
    });
}
