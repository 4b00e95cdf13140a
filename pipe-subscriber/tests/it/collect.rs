//! `collect`: a child's records for a test.

use std::process::Command;

use pipe_subscriber::{Spawn, StreamEnd, Via, collect};

use crate::child_support::{a_whole_process, send, shell};
use crate::support::Stream;

#[test]
fn the_records_of_a_child_are_collected_with_its_exit_status() {
    let command = shell(&format!("{}; exit 3", send(&a_whole_process())));
    let (records, summary) = collect(command, 100).unwrap();
    let messages: Vec<_> = records.iter().map(|record| &*record.message).collect();
    assert_eq!(messages, ["record 1", "record 2", "record 3"]);
    assert_eq!(records[0].process.as_deref(), Some("worker"));
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(summary.exit_status.unwrap().code(), Some(3));
}

#[test]
fn a_child_that_closes_its_pipe_is_waited_for() {
    let script = "exec <&-; n=0; while test $n -lt 20000; do n=$((n + 1)); done; exit 3";
    let (_, summary) = collect(Spawn::new(shell(script)).via(Via::Stdin), 100).unwrap();
    assert_eq!(summary.exit_status.unwrap().code(), Some(3));
}

#[test]
fn a_child_that_floods_is_killed_after_the_limit() {
    let one = Stream::default().record(7, 1);
    let command = shell(&format!("while :; do {}; done", send(&one)));
    let (records, summary) = collect(command, 10).unwrap();
    assert_eq!((records.len(), summary.received), (10, 10));
    assert_eq!(
        summary.to_string(),
        "the stream has not ended, 10 records received, signal: 9 (SIGKILL)"
    );
}

#[test]
fn a_child_that_never_ends_is_killed_after_its_last_record() {
    let script = format!("{}; exec sleep 1000000", send(&a_whole_process()));
    let (records, summary) = collect(shell(&script), 3).unwrap();
    assert_eq!((records.len(), summary.end), (3, StreamEnd::Open));
}

#[test]
fn a_limit_of_none_kills_the_child_at_once() {
    let mut command = Command::new("sleep");
    command.arg("1000000");
    let (records, _summary) = collect(command, 0).unwrap();
    assert!(records.is_empty());
}

#[test]
fn without_a_filter_every_level_is_asked_for() {
    let script = |filter| shell(&format!("test \"$RECORD_PIPE_FILTER\" = {filter}"));
    let set = Spawn::new(script("warn")).filter("warn");
    for (_, summary) in [collect(script("trace"), 1), collect(set, 1)].map(Result::unwrap) {
        assert!(summary.exit_status.unwrap().success());
    }
}

#[tokio::test]
async fn a_child_is_collected_within_a_runtime() {
    let (records, _summary) = collect(shell(&send(&a_whole_process())), 100).unwrap();
    assert_eq!(records.len(), 3);
}

#[test]
fn a_program_that_is_missing_is_an_error() {
    let error = collect(Command::new("/nonexistent/program"), 1).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
