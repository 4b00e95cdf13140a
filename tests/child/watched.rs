//! Parents whose system refuses the calls that watch their child's exit, and readers in another process.

use std::{
    process::{Command as StdCommand, Stdio},
    thread,
    time::Duration,
};

use pipe_subscriber::{PipeSubscriber, Spawn, StreamEnd};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use tokio::process::Command;

use crate::{
    descriptors::open_descriptors,
    families::fork,
    parents::{child, runtime},
    refused::{refuse, refuse_threads},
    tools::{hear, init, pattern, say},
};

/// Reads another child to its end while this one lives on, and then this one. Prints both ends and the messages of the
/// child.
///
/// `how` may contain `forked`, to read in a process that was forked after the spawn, and `headless`, for a child whose
/// main thread ends first.
pub(crate) fn read(errno: &str, calls: &str, how: &str) {
    refuse(errno, calls);
    let wishes = |wish: &str| how.split(',').any(|word| word == wish);
    let mut command = StdCommand::new(std::env::current_exe().expect("a path"));
    command.arg("live-on").arg(how).stdin(Stdio::piped());
    let spawned = Spawn::new(command).filter("info").grace(Duration::ZERO);
    let (mut living, logs) = spawned.spawn().expect("a child");
    if wishes("forked")
        && let Some(reader) = fork()
    {
        drop(living.stdin.take());
        // This process does not wait for the child, which stays a zombie.
        waitpid(Some(reader), WaitOptions::empty()).expect("a reader");
        return;
    }
    let (ends, messages) = runtime().block_on(async {
        let run = read_to_the_end(logs);
        let meanwhile = async {
            let end = another_one().await;
            drop(living.stdin.take());
            end
        };
        let ((end, messages), other) = tokio::join!(run, meanwhile);
        (format!("{other} {end}"), messages)
    });
    say(&format!("{ends} {}", messages.join(",")));
}

/// Reads a child whose pipe is held open after its exit.
async fn another_one() -> StreamEnd {
    let mut command = child("leave-sleeper");
    command
        .arg("shared")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let spawned = Spawn::new(command)
        .filter("info")
        .grace(Duration::from_millis(20));
    let (_child, logs) = spawned.spawn().expect("a child");
    read_to_the_end(logs).await.0
}

async fn read_to_the_end(logs: PipeSubscriber) -> (StreamEnd, Vec<String>) {
    let (mut sleeper, mut messages) = (None, Vec::new());
    let run = logs.run_with(|record| {
        messages.extend(record.message.split(' ').next().map(str::to_owned));
        let pid = record.key_values.get("sleeper");
        sleeper = pid.map(|pid| pid.to_string()).or(sleeper.take());
    });
    let end = run.await.expect("no read error").end;
    let sleeper = sleeper.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
    kill_process(sleeper.expect("a pid"), Signal::KILL).expect("a process");
    (end, messages)
}

/// Runs as the child: logs, waits for its stdin, logs again, and leaves a process with its pipe.
pub(crate) fn live_on(how: &str) {
    init();
    if how.split(',').any(|word| word == "headless") {
        thread::spawn(|| {
            log_and_leave_sleeper();
            std::process::exit(0);
        });
        // SAFETY: only this thread ends, and no other thread uses its stack.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    log_and_leave_sleeper();
}

fn log_and_leave_sleeper() {
    // Large enough that the reader needs ticks of its timer.
    log::info!("one {}", pattern(20_000, 0));
    hear();
    let mut command = StdCommand::new("sleep");
    command.arg("1000").stdout(Stdio::null());
    pipe_handler::share_with(&mut command).expect("a pipe to share");
    let sleeper = command.spawn().expect("sleep").id();
    log::info!(sleeper; "two");
}

/// Prints why a child cannot be spawned without a timer and without a thread, and that nothing is left of it.
pub(crate) fn without_a_thread() {
    let runtime = runtime();
    let _inside = runtime.enter();
    // What the runtime opens once.
    drop(Spawn::new(Command::new("true")).spawn().expect("a child"));
    refuse_threads();
    refuse("EPERM", "timerfd_create");
    let before = open_descriptors().len();
    let error = Spawn::new(StdCommand::new("true")).spawn().map(drop);
    let error = error.expect_err("no thread");
    say(&format!(
        "{:?} {}",
        error.kind(),
        open_descriptors().len() - before
    ));
}

/// Waits for a signal like a program that blocks it in all its threads, and prints the signal that came.
pub(crate) fn wait_for_a_signal() {
    refuse("EPERM", "pidfd_open,timerfd_create");
    let mut command = StdCommand::new("cat");
    command.stdin(Stdio::piped());
    let (mut cat, logs) = Spawn::new(command).spawn().expect("a child");
    say(&format!("{}", signal_to_ourselves()));
    drop(cat.stdin.take());
    runtime().block_on(logs.run()).expect("no read error");
    cat.wait().expect("a status");
}

fn signal_to_ourselves() -> i32 {
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: it points to a place for a signal set, which this call fills in.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the set is filled in and the signal exists.
    unsafe { libc::sigaddset(signals.as_mut_ptr(), libc::SIGTERM) };
    // SAFETY: the set is filled in; the old mask is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), std::ptr::null_mut()) };
    kill_process(rustix::process::getpid(), Signal::TERM).expect("ourselves");
    let mut signal = 0;
    // SAFETY: both point to values of their types.
    unsafe { libc::sigwait(signals.as_ptr(), &mut signal) };
    signal
}
