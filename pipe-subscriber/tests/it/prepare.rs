//! Children that were started by other means than `spawn`.

use std::{
    io::{self, ErrorKind},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
};

use pipe_subscriber::{Handover, Spawn, StreamEnd};
use rustix::{
    io::{Errno, FdFlags, fcntl_getfd},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::child_support::{
    FOR_EVER, SLEEPER, Sleeper, a_whole_process, is_waiting, read_all, send, shell,
};
use crate::support::within;

/// Starts a shell that has the pipe as its stdin.
fn start_with_stdin(script: &str, handover: Handover) -> Child {
    let mut command = shell(script);
    command.envs(handover.envs()).stdout(Stdio::piped());
    command.stdin(OwnedFd::from(handover)).spawn().unwrap()
}

fn dup2(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: `to` is a number of the child that is about to be replaced by exec, and nobody's value there.
    match unsafe { libc::dup2(from, to) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn pidfd(child: &Child) -> OwnedFd {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap()
}

/// Starts a child that logs and exits, and leaves a process that holds its pipe.
fn start_and_leave_a_sleeper(handover: Handover) -> (Child, Sleeper) {
    let script = format!("{}\n{SLEEPER}", send(&a_whole_process()));
    // The sleeper's own stdin is the null device: it holds the pipe by another number.
    let mut child = start_with_stdin(&format!("exec 7<&0\n{script}"), handover);
    let sleeper = Sleeper::read(&mut child);
    (child, sleeper)
}

#[tokio::test]
async fn a_child_of_other_means_logs_through_its_stdin() {
    let (handover, mut logs) = Spawn::prepare().grace(FOR_EVER).at(0).unwrap();
    let mut child = start_with_stdin(&send(&a_whole_process()), handover);
    logs.watch(pidfd(&child)).unwrap();
    let summary = read_all(logs).await;
    assert!(child.wait().unwrap().success());
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.received, 3);
}

#[tokio::test]
async fn a_child_of_other_means_logs_through_any_number() {
    for number in [1, 2, 3, 7, 250] {
        let (handover, logs) = Spawn::prepare().at(number).unwrap();
        let mut command = shell(&send(&a_whole_process()));
        command.envs(handover.envs());
        let from = handover.as_raw_fd();
        // SAFETY: the closure makes one system call, which is async-signal-safe.
        unsafe { command.pre_exec(move || dup2(from, number)) };
        let mut child = command.spawn().unwrap();
        drop(handover);
        let summary = read_all(logs).await;
        assert!(child.wait().unwrap().success());
        assert!(summary.is_complete(), "{number}: {summary:?}");
    }
}

#[test]
fn the_number_in_this_process_is_another_one_and_nobody_inherits_it() {
    // Each of the numbers is free, so that a pipe without care would get some of them.
    for number in 3..100 {
        let (handover, _logs) = Spawn::prepare().at(number).unwrap();
        assert_eq!(handover.number(), number);
        assert_ne!(handover.as_raw_fd(), number);
        assert_eq!(fcntl_getfd(&handover), Ok(FdFlags::CLOEXEC));
    }
}

#[test]
fn the_variables_name_the_pipe_and_the_filter() {
    let (handover, _logs) = Spawn::prepare().filter("info,db=debug").at(5).unwrap();
    let pipe = rustix::fs::fstat(&handover).unwrap();
    let envs: Vec<_> = handover.envs().collect();
    let address = format!("v1:5:{}:{}", pipe.st_dev, pipe.st_ino);
    assert_eq!(
        envs,
        [
            ("RECORD_PIPE", &*address),
            ("RECORD_PIPE_FILTER", "info,db=debug")
        ]
    );
}

#[test]
fn a_number_below_zero_is_refused() {
    let refused = Spawn::prepare().at(-1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_handover_that_is_kept_keeps_the_stream_from_its_end() {
    let (handover, logs) = Spawn::prepare().at(0).unwrap();
    let mut command = Command::new("true");
    command.envs(handover.envs());
    assert!(command.status().unwrap().success());
    let mut records = logs.records();
    assert!(is_waiting(&mut records).await, "the handover is a writer");
    drop(handover);
    let none = within(tokio_stream::StreamExt::next(&mut records)).await;
    assert!(none.is_none());
    let summary = records.into_summary().unwrap();
    let text = summary.to_string();
    assert!(
        text.starts_with("the child did not adopt the pipe"),
        "{text}"
    );
}

#[tokio::test]
async fn a_handover_that_is_kept_ends_as_held_open_if_the_child_is_watched() {
    let (handover, mut logs) = Spawn::prepare()
        .grace(std::time::Duration::ZERO)
        .at(0)
        .unwrap();
    let mut child = Command::new("true").envs(handover.envs()).spawn().unwrap();
    logs.watch_pid(child.id()).unwrap();
    assert_eq!(read_all(logs).await.end, StreamEnd::HeldOpen);
    drop(handover);
    child.wait().unwrap();
}

#[tokio::test]
async fn the_grace_period_begins_at_the_exit_of_the_child_that_is_watched() {
    for by_pid in [false, true] {
        let grace = std::time::Duration::from_millis(20);
        let (handover, mut logs) = Spawn::prepare().grace(grace).at(0).unwrap();
        let (mut child, _sleeper) = start_and_leave_a_sleeper(handover);
        match by_pid {
            true => logs.watch_pid(child.id()).unwrap(),
            false => logs.watch(pidfd(&child)).unwrap(),
        }
        let summary = read_all(logs).await;
        assert_eq!((summary.end, summary.received), (StreamEnd::HeldOpen, 3));
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn without_a_watch_the_grace_period_never_begins() {
    let (handover, logs) = Spawn::prepare()
        .grace(std::time::Duration::ZERO)
        .at(0)
        .unwrap();
    let (mut child, sleeper) = start_and_leave_a_sleeper(handover);
    assert!(child.wait().unwrap().success());
    let mut records = logs.records();
    for _ in 0..3 {
        assert!(
            within(tokio_stream::StreamExt::next(&mut records))
                .await
                .is_some()
        );
    }
    assert!(is_waiting(&mut records).await, "the sleeper holds the pipe");
    drop(sleeper);
    assert!(
        within(tokio_stream::StreamExt::next(&mut records))
            .await
            .is_none()
    );
    assert_eq!(records.into_summary().unwrap().end, StreamEnd::Clean);
}

#[tokio::test]
async fn a_watch_replaces_the_one_before_and_one_that_fails_does_not() {
    let (handover, mut logs) = Spawn::prepare()
        .grace(std::time::Duration::ZERO)
        .at(0)
        .unwrap();
    let (mut child, _sleeper) = start_and_leave_a_sleeper(handover);
    let childs_own = pidfd(&child);
    let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    logs.watch(pidfd(&other)).unwrap();
    let not_a_process = std::fs::File::open("/dev/null").unwrap();
    let refused = logs.watch(not_a_process).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    let refused = logs.watch_pid(0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);

    child.wait().unwrap();
    while logs.summary().received < 3 {
        within(logs.run_with_until(|_| {}, tokio::task::yield_now())).await;
    }
    assert_eq!(
        logs.summary().end,
        StreamEnd::Open,
        "the other one still runs"
    );
    logs.watch(childs_own).unwrap();
    assert_eq!(read_all(logs).await.end, StreamEnd::HeldOpen);
    drop(other.stdin.take());
    other.wait().unwrap();
}
