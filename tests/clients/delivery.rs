//! What arrives, and what becomes of the child: at full speed, when it is killed, when nobody reads.

use std::collections::HashMap;

use pipe_subscriber::StreamEnd;
use rustix::io::ioctl_fionread;

use crate::{
    language::Language,
    support::{Running, number, within},
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
        let address = crate::support::address(0, &write_end);
        let child = language.child(&format!("flood {THREADS} {RECORDS}"));
        let (mut command, errors) = child
            .env("RECORD_PIPE", address)
            .stdin(write_end)
            .into_command();
        let mut child = command.spawn().expect("a child");
        // The command holds a write end too.
        drop(command);
        // One frame has at most PIPE_BUF bytes: a pipe with less room than that has no room.
        while ioctl_fionread(&read_end).expect("FIONREAD") < 60 * 1024 {
            tokio::task::yield_now().await;
        }
        drop(read_end);
        let status = child.wait().await.expect("a status");
        assert!(status.success(), "{status}: {}", errors.text());
    });
}
