//! Reading from real children, and from grandchildren that hold their pipe.

use std::{
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{self, Stdio},
    sync::mpsc,
    time::Duration,
};

use pipe_subscriber::{PipeSubscriber, Spawn, StreamEnd, Summary, Via, spawn};
use rustix::io::{read, write};
use tokio::runtime::Builder;
use tokio_stream::StreamExt;

use crate::child_support::{
    FOR_EVER, SLEEPER, Sleeper, a_whole_process, is_waiting, octal, read_all, read_on_thread, send,
    shell, spawn_with_sleeper, tokio_shell,
};
use crate::support::{Stream, within};

#[tokio::test]
async fn a_childs_records_arrive_by_a_descriptor_of_its_own() {
    let command = tokio_shell(&send(&a_whole_process()));
    let (mut child, logs) = spawn(command).unwrap();
    let logs = tokio::spawn(read_all(logs));
    assert!(within(child.wait()).await.unwrap().success());
    let summary = within(logs).await.unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.received, 3);
}

#[tokio::test]
async fn a_childs_records_arrive_by_its_stdin() {
    let command = tokio_shell(&send(&a_whole_process()));
    let (mut child, logs) = Spawn::new(command).via(Via::Stdin).spawn().unwrap();
    let summary = read_all(logs).await;
    assert!(within(child.wait()).await.unwrap().success());
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.received, 3);
}

#[test]
fn a_program_without_a_runtime_spawns_and_reads_on_a_thread() {
    for via in [Via::Fd, Via::Stdin] {
        let command = shell(&send(&a_whole_process()));
        let (mut child, logs) = Spawn::new(command).via(via).spawn().unwrap();
        let summary = read_on_thread(logs);
        assert!(summary.is_complete(), "{summary:?}");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn the_environment_names_the_pipe_by_number_device_and_inode() {
    let script = "
        id=$(echo \"$RECORD_PIPE\" | cut -d: -f3,4)
        case $RECORD_PIPE in v1:*:$id|v1:*:$id:*:*:*:*) ;; *) exit 1;; esac
        test -p $pipe || exit 2
        test \"$(stat -L -c %d:%i $pipe)\" = \"$id\" || exit 3
        test \"$RECORD_PIPE_FILTER\" = info,worker::db=debug || exit 4";
    for via in [Via::Fd, Via::Stdin] {
        let spawning = Spawn::new(shell(script))
            .via(via)
            .filter("info,worker::db=debug");
        let (mut child, _logs) = spawning.spawn().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    assert!(std::env::var_os("RECORD_PIPE").is_none());
}

#[test]
fn the_commands_own_stdio_stays_as_it_was() {
    let mut command = process::Command::new("tr");
    command
        .args(["a-z", "A-Z"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let (mut child, logs) = spawn(command).unwrap();
    child.stdin.take().unwrap().write_all(b"hello").unwrap();
    let mut output = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    assert_eq!(output, "HELLO");
    assert_eq!(read_on_thread(logs).end, StreamEnd::Eof);
    child.wait().unwrap();
}

/// A descriptor that is not close-on-exec in the parent, even for a moment, would be inherited by a child that another
/// thread starts at that moment.
#[test]
fn no_other_child_inherits_the_pipe() {
    let before = inherited();
    let (mut forked, forked_write_end) = std::io::pipe().unwrap();
    let (gate, mut opened) = std::io::pipe().unwrap();
    let mut command = shell("true");
    let wait_at_gate = move || {
        write(&forked_write_end, b"!")?;
        read(&gate, &mut [0])?;
        Ok(())
    };
    // SAFETY: The closure makes two system calls and nothing else.
    unsafe { command.pre_exec(wait_at_gate) };
    let spawning = std::thread::spawn(|| spawn(command).unwrap());

    forked.read_exact(&mut [0]).unwrap();
    let meanwhile = inherited();
    opened.write_all(b"!").unwrap();
    let (mut child, logs) = spawning.join().unwrap();
    assert_eq!(meanwhile, before);
    assert_eq!(read_on_thread(logs).end, StreamEnd::Eof);
    child.wait().unwrap();
}

/// Returns the files that a child inherits from this process, except its stdio.
fn inherited() -> Vec<String> {
    let list = "for fd in /proc/$$/fd/*; do test ${fd##*/} -gt 2 && readlink $fd; done; true";
    let output = process::Command::new("sh")
        .args(["-c", list])
        .output()
        .unwrap();
    assert!(output.status.success());
    let targets = String::from_utf8(output.stdout).unwrap();
    targets.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_records_of_a_killed_child_arrive() {
    let stream = Stream::default().hello(7).records(7, 1..=3);
    let command = tokio_shell(&format!("{}; kill -9 $$", send(&stream)));
    let (_child, logs) = spawn(command).unwrap();
    let summary = read_all(logs).await;
    assert_eq!((summary.received, summary.end), (3, StreamEnd::Eof));
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_keep_the_reader() {
    let script = send(&a_whole_process());
    for grace in [Duration::ZERO, Duration::from_millis(20)] {
        let (logs, _sleeper) = spawn_with_sleeper(&script, grace);
        let summary = read_all(logs).await;
        assert_eq!((summary.received, summary.end), (3, StreamEnd::HeldOpen));
    }
}

#[test]
fn runtimes_need_only_io_and_may_have_many_threads() {
    let script = send(&a_whole_process());
    let (logs, _sleeper) = spawn_with_sleeper(&script, Duration::from_millis(20));
    let summary = read_on_thread(logs);
    assert_eq!((summary.received, summary.end), (3, StreamEnd::HeldOpen));

    let (logs, _sleeper) = spawn_with_sleeper(&script, Duration::from_millis(20));
    let (done, finished) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .build()
        .unwrap();
    runtime.spawn(async move { done.send(logs.run_with(|_| {}).await.unwrap()) });
    let summary = finished.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((summary.received, summary.end), (3, StreamEnd::HeldOpen));
}

#[tokio::test]
async fn the_exit_is_seen_while_the_reader_waits() {
    let mut command = shell(&format!(
        "{}\nread line\n{SLEEPER}",
        send(&a_whole_process())
    ));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let spawning = Spawn::new(command).grace(Duration::from_millis(20));
    let (mut child, logs) = spawning.spawn().unwrap();
    let mut records = logs.records();
    for seq in 1..=3 {
        assert_eq!(within(records.next()).await.unwrap().seq, seq);
    }
    assert!(is_waiting(&mut records).await);

    drop(child.stdin.take());
    let _sleeper = Sleeper::read(&mut child);
    assert_eq!(within(records.next()).await, None);
    assert_eq!(records.summary().unwrap().end, StreamEnd::HeldOpen);
    child.wait().unwrap();
}

#[tokio::test]
async fn records_written_within_the_grace_period_arrive() {
    let late = send(&a_whole_process());
    let script = format!("exec 3<&0; (read line <&3; {late}) & exec 3<&-");
    let mut command = shell(&script);
    command.stdin(Stdio::piped());
    let (mut child, logs) = Spawn::new(command).grace(FOR_EVER).spawn().unwrap();
    let mut grandchild = child.stdin.take().unwrap();
    child.wait().unwrap();
    let mut records = logs.records();
    // This is time enough to see the exit, and to end if there were no grace period.
    for _ in 0..10 {
        assert!(is_waiting(&mut records).await);
    }

    grandchild.write_all(b"go\n").unwrap();
    while within(records.next()).await.is_some() {}
    let summary = records.into_summary().unwrap();
    assert_eq!((summary.received, summary.end), (3, StreamEnd::Clean));
}

/// Starts a child that writes 1,000 records, prints a line, and writes 1,500 more records when its stdin ends. Returns
/// after the line.
fn child_that_writes_twice(last: &str) -> (process::Child, PipeSubscriber) {
    let file = |name: &str, seqs| {
        let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        let stream = Stream::default().records(7, seqs);
        assert!(stream.0.len() < 60_000, "it must fit in a pipe");
        std::fs::write(&path, stream.0).unwrap();
        path
    };
    let (one, two) = (file("one", 1..=1000), file("two", 1001..=2500));
    let script = format!("cat {one} >$pipe; echo; read line; cat {two} >$pipe; {last}");
    let mut command = shell(&script);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let (mut child, logs) = Spawn::new(command).grace(Duration::ZERO).spawn().unwrap();
    let bytes = child.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
    assert_eq!(bytes, 1);
    (child, logs)
}

/// Reads all records. While the closure is busy with the first one, the child writes the rest and exits, and its grace
/// period is over before more is read.
async fn read_slowly(child: &mut process::Child, logs: PipeSubscriber) -> Summary {
    let run = logs.run_with(|record| {
        if record.seq == 1 {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    });
    within(run).await.unwrap()
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_that_the_child_wrote() {
    let (mut child, logs) = child_that_writes_twice(SLEEPER);
    let summary = read_slowly(&mut child, logs).await;
    let _sleeper = Sleeper::read(&mut child);
    assert_eq!((summary.received, summary.end), (2500, StreamEnd::HeldOpen));

    let close = send(&Stream::default().close(7, 2500, 0));
    let (mut child, logs) = child_that_writes_twice(&close);
    let summary = read_slowly(&mut child, logs).await;
    // No process holds the pipe, so this is the end of file.
    assert_eq!((summary.received, summary.end), (2500, StreamEnd::Clean));
}

#[tokio::test]
async fn a_grandchild_that_never_stops_writing_does_not_keep_the_reader() {
    let record = octal(&Stream::default().record(8, 0));
    let hot = format!("(while printf '{record}'; do :; done) >$pipe 2>/dev/null &");
    let spawning = Spawn::new(shell(&hot)).grace(Duration::from_millis(20));
    let (mut child, logs) = spawning.spawn().unwrap();
    // The grandchild's stream is not cut off inside a frame. Its next write finds no reader, which ends it.
    assert_eq!(read_all(logs).await.end, StreamEnd::HeldOpen);
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_grandchild_that_writes_as_fast_as_it_can_does_not_keep_the_reader() {
    let stream = Stream::default().records(8, 1..=1000);
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/fast");
    std::fs::write(file, stream.0.repeat(100)).unwrap();
    let hot = format!("(while cat '{file}'; do :; done) >$pipe 2>/dev/null &");
    let spawning = Spawn::new(shell(&hot)).grace(Duration::from_millis(20));
    let (mut child, logs) = spawning.spawn().unwrap();
    let mut records = logs.records();
    while within(records.next()).await.is_some() {}
    // The bytes in the pipe when the grace period is over may end inside a frame, because cat writes no whole frames.
    let end = records.into_summary().unwrap().end;
    assert!(
        matches!(end, StreamEnd::HeldOpen | StreamEnd::Truncated),
        "{end}"
    );
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_pipe_that_nobody_holds_ends_at_once_and_is_not_held_open() {
    for grace in [FOR_EVER, Duration::ZERO] {
        let command = shell(&send(&a_whole_process()));
        let (mut child, logs) = Spawn::new(command).grace(grace).spawn().unwrap();
        child.wait().unwrap();
        let summary = read_all(logs).await;
        assert_eq!((summary.received, summary.end), (3, StreamEnd::Clean));
    }
}
