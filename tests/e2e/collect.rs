//! `collect`, for the tests of a program that logs, and `Spawn::prepare`, for a program that is started by other means.

use std::{os::fd::OwnedFd, process::Command};

use log::Level;
use pipe_subscriber::{Spawn, collect};

use crate::support::within;

const CHILD: &str = env!("CARGO_BIN_EXE_e2e-child");

#[test]
fn the_records_of_a_program_are_collected_whatever_its_end() {
    for (end, success, clean) in [("return", true, true), ("kill", false, false)] {
        let mut command = Command::new(CHILD);
        command.args(["end", end]);
        let (records, summary) = collect(command, 1_000).expect("a child");
        assert_eq!(records.len(), 40, "{end}: {summary}");
        assert_eq!(summary.is_complete(), clean, "{end}: {summary}");
        let status = summary.exit_status.expect("a status");
        assert_eq!(status.success(), success, "{end}: {status}");
    }
}

#[test]
fn settings_of_the_child_hold_for_what_is_collected() {
    let mut command = Command::new(CHILD);
    command.args(["levels", ""]);
    let (records, summary) = collect(Spawn::new(command).filter("warn"), 1_000).expect("a child");
    let levels = [Level::Error, Level::Warn, Level::Info];
    let counts = levels.map(|level| {
        records
            .iter()
            .filter(|record| record.level == level)
            .count()
    });
    assert_eq!(counts, [3, 2, 0], "{summary}");
}

#[test]
fn a_program_is_prepared_for_and_run_by_the_standard_library() {
    let (summary, status) = within(async {
        let (handover, mut logs) = Spawn::prepare().filter("info").at(0).expect("a pipe");
        let mut command = Command::new(CHILD);
        command.args(["end", "exit"]).envs(handover.envs());
        let mut child = command
            .stdin(OwnedFd::from(handover))
            .spawn()
            .expect("a child");
        drop(command);
        logs.watch_pid(child.id()).expect("a process");
        let summary = logs.run().await.expect("a pipe");
        (summary, child.wait().expect("a status"))
    });
    assert!(summary.is_complete(), "{summary}");
    assert_eq!((summary.received, status.code()), (40, Some(3)));
}
