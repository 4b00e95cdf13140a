//! Children whose system refuses the system calls of a log call.

use std::{process, thread, time::Duration};

use pipe_handler::Overflow;
use rustix::{
    process::{Pid, Resource, Rlimit, WaitOptions, setrlimit, waitpid},
    time::{ClockId, clock_gettime},
};

use crate::{
    refused::{kill_but_for, refuse},
    tools::{init_directly, init_shared, init_with, pattern, say, settings},
};

/// Two threads and a forked process log directly, in a sandbox from the start or from when the handler exists.
pub(crate) fn sandboxed(errno: &str, calls: &str, since: &str) {
    if since == "start" {
        refuse(errno, calls);
    }
    init_directly();
    if since != "start" {
        refuse(errno, calls);
    }
    log::info!("one");
    let thread = thread::spawn(|| log::info!("two"));
    thread.join().expect("no panic");
    // SAFETY: no other thread is left that could hold a lock.
    match unsafe { libc::fork() } {
        0 => log::info!("three"),
        child => {
            let status = waitpid(Pid::from_raw(child), WaitOptions::empty()).expect("a child");
            let (_, status) = status.expect("a status");
            assert!(status.exit_status() == Some(0), "{status:?}");
        }
    }
    process::exit(0)
}

/// Logs small and large records and ends, in a sandbox that kills for any call but these. With `older`, the kernel has no
/// writes that raise no signal. With `shared`, the delivery is shared.
pub(crate) fn sandboxed_for_life(calls: &str, since: &str) {
    match since.contains("shared") {
        true => init_shared(Overflow::Block),
        false => init_directly(),
    }
    if since.contains("later") {
        log::info!("before");
    }
    if since == "older" {
        refuse("ENOSYS", "pwritev2");
    }
    kill_but_for(calls);
    for n in 0..10 {
        log::info!(n; "{}", pattern(n * 2_000, n));
    }
    process::exit(0)
}

/// Waits for room while the system refuses the waiting call, and prints the processor time in nanoseconds.
pub(crate) fn wait_without_poll(refused: &str) {
    let wait = Duration::from_secs(2);
    let handler = init_with(settings().overflow(Overflow::BlockFor(wait)));
    // To poll even one descriptor takes a limit of one.
    let limit = Some(0);
    let none = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Nofile, none).expect("a lower limit");
    refuse("EPERM", refused);
    while handler.counts().dropped == 0 {
        log::info!("{}", pattern(3_000, 0));
    }
    let time = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
    say(&time.expect("positive").as_nanos().to_string());
}
