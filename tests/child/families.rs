//! Several processes on one pipe.

use std::{
    os::unix::process::{CommandExt, parent_id},
    process::{self, Command},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::{Pid, WaitOptions, waitpid},
};

use crate::endings::some_size;
use crate::tools::{hear, init, init_with, say, settings, wait_until};

fn this_program(scenario: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg(scenario);
    command
}

pub(crate) fn log_some(records: usize) {
    init();
    for n in 0..records {
        log::info!(n; "n{n}");
    }
}

/// Forks. Returns `None` in the child.
pub(crate) fn fork() -> Option<Pid> {
    // SAFETY: the child logs and ends, and both are safe in a fork of a process with several threads.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        child => Pid::from_raw(child),
    }
}

/// Ends the process without exit hooks.
fn leave() -> ! {
    // SAFETY: it has no conditions.
    unsafe { libc::_exit(0) }
}

pub(crate) fn wait_for(child: Pid) {
    waitpid(Some(child), WaitOptions::empty()).expect("waitpid");
}

/// A process of several threads forks; parent and child log.
pub(crate) fn fork_and_log() {
    static DONE: AtomicBool = AtomicBool::new(false);
    static BUSY: AtomicBool = AtomicBool::new(false);
    init();
    log::info!(who = "parent"; "before");
    let busy = thread::spawn(|| {
        while !DONE.load(Ordering::Relaxed) {
            log::info!(who = "parent"; "busy");
            BUSY.store(true, Ordering::Relaxed);
        }
    });
    wait_until(|| BUSY.load(Ordering::Relaxed));
    match fork() {
        None => {
            let pid = process::id();
            for n in 0..100 {
                log::info!(who = "child", pid, n; "forked {n}");
            }
            // In fragments too: the forked thread has the stream number of its parent.
            log::info!(who = "child", pid, n = 100; "{}", "y".repeat(10_000));
            process::exit(0);
        }
        Some(child) => {
            log::info!(who = "parent"; "{}", "x".repeat(10_000));
            wait_for(child);
        }
    }
    DONE.store(true, Ordering::Relaxed);
    busy.join().expect("no panic");
    log::info!(who = "parent"; "after");
}

pub(crate) fn fork_in_silence(how: &str) {
    init();
    log::info!("before");
    match fork() {
        None if how == "exit" => process::exit(0),
        None => leave(),
        Some(child) => wait_for(child),
    }
    log::info!("after");
}

/// A close of the parent must not keep the child from a close with the same counters.
pub(crate) fn fork_after_close() {
    let handler = init_with(settings());
    (0..3).for_each(|n| log::info!("parent {n}"));
    handler.close().expect("room in the pipe");
    match fork() {
        None => {
            (0..3).for_each(|n| log::info!("child {n}"));
            process::exit(0);
        }
        Some(child) => wait_for(child),
    }
}

/// Several forks log at once, some of it in large records.
pub(crate) fn fork_storm(children: usize, records: usize) {
    init();
    let forked: Vec<_> = (0..children)
        .map(|_| {
            fork().unwrap_or_else(|| {
                for n in 0..records {
                    let size = if n % 10 == 0 { 9_000 } else { 50 };
                    log::info!(n; "{}", crate::tools::pattern(size, n));
                }
                process::exit(0)
            })
        })
        .collect();
    log::info!(n = 0; "{}", crate::tools::pattern(9_000, 0));
    forked.into_iter().for_each(wait_for);
}

/// Forks log until they are killed; then their parent logs its last record.
pub(crate) fn forks_for_ever(children: usize, seed: usize) {
    init();
    let forked: Vec<_> = (0..children)
        .map(|_| {
            fork().unwrap_or_else(|| {
                for n in 0_usize.. {
                    let size = some_size(n, seed);
                    log::info!(n; "{}", crate::tools::pattern(size, size));
                }
                unreachable!("it is killed");
            })
        })
        .collect();
    forked.into_iter().for_each(wait_for);
    log::info!("last word");
}

pub(crate) fn share() {
    init();
    log::info!("before");
    let mut command = this_program("log");
    command.arg("5");
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    let mut child = command.spawn().expect("a child");
    log::info!(child = child.id(); "meanwhile");
    assert!(child.wait().expect("a status").success());
    log::info!("after");
}

/// Another hook of the command closes all descriptors before the hook that shares the pipe.
pub(crate) fn share_after_hook() {
    init();
    log::info!("before");
    let mut command = Command::new("true");
    let close_all = || {
        // SAFETY: nothing that is left in the forked child needs them.
        let _refused = unsafe { libc::close_range(3, u32::MAX, 0) };
        Ok(())
    };
    // SAFETY: it makes one system call.
    unsafe { command.pre_exec(close_all) };
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    let status = command.status().expect("a status");
    assert!(status.success(), "{status}");
    log::info!("after");
}

pub(crate) fn exec() {
    init();
    (0..5).for_each(|n| log::info!(n; "n{n}"));
    let mut command = this_program("log");
    command.arg("3");
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    panic!("exec: {}", command.exec());
}

/// Goes on after an exec of a program that does not exist.
pub(crate) fn exec_that_fails() {
    init();
    log::info!("before");
    let mut command = Command::new("/nonexistent/program");
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    let error = command.exec();
    drop(command);
    let flags = rustix::io::fcntl_getfd(crate::tools::pipe()).expect("F_GETFD");
    let close_on_exec = flags.contains(rustix::io::FdFlags::CLOEXEC);
    log::info!(error:% = error.kind(), close_on_exec; "after");
}

/// Ends before its child, which has the pipe if it is `shared`.
pub(crate) fn leave_sleeper(shared: bool) {
    init();
    start_sleeper(shared);
    hear();
}

#[expect(
    clippy::zombie_processes,
    reason = "the child is meant to outlive its parent"
)]
fn start_sleeper(shared: bool) {
    let mut command = Command::new("sleep");
    command.arg("1000");
    if shared {
        pipe_handler::share_with(&mut command).expect("a pipe to share");
    }
    let sleeper = command.spawn().expect("sleep");
    log::info!(sleeper = sleeper.id(); "asleep");
    say(&sleeper.id().to_string());
}

/// Puts the pipe into packet mode and logs two bursts, then ends and leaves its pipe to a sleeper.
pub(crate) fn log_packets(burst: usize) {
    init();
    fcntl_setfl(crate::tools::pipe(), OFlags::DIRECT).expect("packets");
    (0..burst).for_each(|n| log::info!(n; "n{n}"));
    hear();
    (0..burst).for_each(|n| log::info!(n; "n{n}"));
    start_sleeper(true);
}

/// Ends before its child, which then logs one record, and `more` records when the test sends a line.
#[expect(
    clippy::zombie_processes,
    reason = "the child is meant to outlive this process"
)]
pub(crate) fn leave_logger(more: usize) {
    init();
    let mut command = this_program("log-after-parent");
    command.arg(more.to_string());
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    command.spawn().expect("a child");
    // The test sends a line when the child has begun.
    hear();
}

pub(crate) fn log_after_parent(more: usize) {
    let parent = parent_id();
    init();
    log::info!("while the parent lives");
    wait_until(|| parent_id() != parent);
    log::info!("after the parent");
    if more > 0 {
        hear();
    }
    (0..more).for_each(|n| log::info!(n; "{}", crate::tools::pattern(200, n)));
}
