//! What arrives, and what becomes of the child: at full speed, when it is killed, when nobody reads.

use std::{
    collections::{HashMap, HashSet},
    io::PipeWriter,
};

use pipe_subscriber::{PipeSubscriber, StreamEnd};
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::ioctl_fionread,
};
use tokio::{net::unix::pipe::Receiver, process::Child};

use crate::{
    language::Language,
    support::{Errors, Running, address, number, within},
};

const RECORDS: u64 = 100_000;
const THREADS: u64 = 4;

/// Four threads at full speed lose nothing.
pub(crate) fn flood(language: &Language) {
    let outcome = language.child(&format!("flood {THREADS} {RECORDS}")).run();
    outcome.assert_complete();
    let mut times_of = HashMap::new();
    for record in &outcome.records {
        *times_of.entry(number(record, "n")).or_insert(0) += 1;
    }
    assert_eq!(outcome.records.len() as u64, RECORDS);
    let expected = (0..RECORDS / THREADS).map(|n| (n, THREADS));
    assert!(times_of == expected.collect(), "wrong numbers");
}

/// Each record whose log call had returned before a SIGKILL arrives, and at most one more.
pub(crate) fn killed(language: &Language) {
    const KILLED_AFTER: u64 = 1000;
    let (acknowledged, arrived, summary) = within(async {
        let running = language.child("ack").start();
        let Running {
            logs,
            mut child,
            mut talk,
            ..
        } = running;
        let mut arrived = Vec::new();
        let run = logs.run_with(|record| arrived.push(number(record, "n")));
        let acknowledge = async {
            for n in 0..KILLED_AFTER {
                assert_eq!(talk.line().await, n.to_string());
            }
            child.start_kill().expect("a child that can be killed");
            let rest = talk.rest().await;
            KILLED_AFTER + rest.matches('\n').count() as u64
        };
        let (summary, acknowledged) = tokio::join!(run, acknowledge);
        (acknowledged, arrived, summary.expect("no read error"))
    });
    let all: Vec<_> = (0..arrived.len() as u64).collect();
    assert!(arrived == all, "lost, repeated or out of order");
    let arrived = arrived.len() as u64;
    assert!(
        (acknowledged..=acknowledged + 1).contains(&arrived),
        "{acknowledged} acknowledged, {arrived} arrived"
    );
    assert_eq!((summary.missing, summary.malformed), (0, 0), "{summary}");
    assert_eq!(summary.end, StreamEnd::Eof, "{summary}");
}

/// The program goes on and ends with code 0 if nobody reads any more.
pub(crate) fn survives(language: &Language) {
    within(async {
        let mut running = language.child("survive 10000").start();
        assert_eq!(running.talk.line().await, "ready");
        drop(running.logs);
        running.talk.go().await;
        assert_eq!(running.talk.line().await, "done");
        let status = running.child.wait().await.expect("a status");
        assert!(status.success(), "{status}");
    });
}

/// So it does if it waits for room in the pipe when the reader goes.
pub(crate) fn reader_goes_while_the_pipe_is_full(language: &Language) {
    within(async {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        let (mut child, errors) =
            started(&format!("flood {THREADS} {RECORDS}"), write_end, language);
        // One frame has at most PIPE_BUF bytes: a pipe with less room than that has no room.
        while ioctl_fionread(&read_end).expect("FIONREAD") < 60 * 1024 {
            tokio::task::yield_now().await;
        }
        drop(read_end);
        let status = child.wait().await.expect("a status");
        assert!(status.success(), "{status}: {}", errors.text());
    });
}

/// Nothing is lost if another process makes the pipe non-blocking, and the client does not change that.
pub(crate) fn pipe_is_non_blocking(language: &Language) {
    let summary = within(async {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        let flags = fcntl_getfl(&write_end).expect("F_GETFL") | OFlags::NONBLOCK;
        fcntl_setfl(&write_end, flags).expect("F_SETFL");
        let kept = write_end.try_clone().expect("a descriptor");
        let (mut child, errors) = started(&format!("flood {THREADS} 10000"), write_end, language);
        while ioctl_fionread(&read_end).expect("FIONREAD") < 60 * 1024 {
            tokio::task::yield_now().await;
        }
        let receiver = Receiver::from_owned_fd(read_end.into()).expect("a pipe");
        let logs = PipeSubscriber::new(receiver);
        let exit = async {
            let status = child.wait().await.expect("a status");
            assert!(status.success(), "{status}: {}", errors.text());
            assert_eq!(fcntl_getfl(&kept).expect("F_GETFL"), flags);
            drop(kept);
        };
        let (summary, ()) = tokio::join!(logs.run_with(|_| {}), exit);
        summary.expect("no read error")
    });
    assert_eq!(
        (summary.received, summary.missing),
        (10_000, 0),
        "{summary}"
    );
    assert_eq!(
        (summary.malformed, summary.end),
        (0, StreamEnd::Clean),
        "{summary}"
    );
}

/// Starts a child with this pipe, as its stdin. Its program's own filter applies.
fn started(scenario: &str, write_end: PipeWriter, language: &Language) -> (Child, Errors) {
    let variable = address(0, &write_end);
    let child = language.child(scenario).env("RECORD_PIPE", variable);
    // The command holds a write end too, until it is dropped here.
    let (mut command, errors) = child.stdin(write_end).into_command();
    (command.spawn().expect("a child"), errors)
}

/// Records of forks and in fragments are whole, and counted, while several threads log.
pub(crate) fn families(language: &Language) {
    const FORKS: usize = 50;
    let outcome = language.child(&format!("families {FORKS}")).run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 2000 + 2 * FORKS);
    let pids: HashSet<_> = outcome.records.iter().map(|record| record.pid).collect();
    assert_eq!(pids.len(), 1 + FORKS);
    let padded = outcome
        .records
        .iter()
        .filter_map(|record| record.key_values.get("padding"));
    assert!(
        padded
            .clone()
            .all(|value| value.to_string() == "p".repeat(10_000))
    );
    assert_eq!(padded.count(), 2000);
}

/// A record that was dropped is reported, with its level.
pub(crate) fn dropped(language: &Language) {
    let outcome = language.child("no-memory").run();
    assert!(outcome.status.success(), "{}", outcome.status);
    assert_eq!(outcome.messages(), ["before", "after"]);
    let summary = &outcome.summary;
    assert_eq!((summary.dropped, summary.missing), (1, 0), "{summary}");
    assert_eq!(summary.end, StreamEnd::Clean);
}
