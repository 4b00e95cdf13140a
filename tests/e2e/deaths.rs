//! Neither delivery loses a record, however the process ends.

use std::os::unix::process::ExitStatusExt;

use pipe_subscriber::StreamEnd;

use crate::support::{Outcome, Scenario, number, scenario, within};

const DELIVERIES: [&str; 2] = ["direct", "shared"];

/// More records than a pipe holds.
const BURST: usize = 1_500;

/// How the process ends, as the system reports it to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Code(i32),
    Signal(i32),
}

/// The deaths that run no code of the handler.
const SUDDEN: [(&str, Status); 5] = [
    ("abort", Status::Signal(6)),
    ("_exit", Status::Code(0)),
    ("sigterm", Status::Signal(15)),
    ("sigsegv", Status::Signal(11)),
    ("sigkill", Status::Signal(9)),
];

fn dying(delivery: &str, how: &str, records: usize) -> Scenario {
    let scenario = scenario("die").env("E2E_DELIVERY", delivery);
    scenario.arg(how).arg(records)
}

#[track_caller]
fn assert_ended(outcome: &Outcome, expected: Status) {
    let status = outcome.status;
    let signal = || Status::Signal(status.signal().expect("a signal"));
    let ended = status.code().map_or_else(signal, Status::Code);
    assert_eq!(ended, expected);
}

/// Asserts that the first records arrived, each once, whole and in order, and that nothing else is wrong.
#[track_caller]
fn assert_first(outcome: &Outcome, received: usize) {
    let is_numbered = |record: &&pipe_subscriber::LogRecord<'_>| record.target != "panic";
    let records = outcome.records.iter().filter(is_numbered);
    let numbers: Vec<u64> = records.map(|record| number(record, "n")).collect();
    assert_eq!(numbers, (0..received as u64).collect::<Vec<_>>());
    for record in outcome.records.iter().filter(is_numbered) {
        let n = usize::try_from(number(record, "n")).expect("small");
        assert_eq!(record.message, crate::support::pattern(100, n));
    }
}

fn panics(outcome: &Outcome) -> usize {
    let records = outcome.records.iter();
    records.filter(|record| record.target == "panic").count()
}

#[test]
fn at_return_exit_and_panic_neither_loses_anything() {
    let ends = [("return", 0, 0), ("exit", 0, 0), ("panic", 101, 1)];
    for delivery in DELIVERIES {
        for (how, code, panicked) in ends {
            for records in [20, 2 * BURST] {
                let outcome = dying(delivery, how, records).run();
                assert_ended(&outcome, Status::Code(code));
                assert_first(&outcome, records);
                assert_eq!(panics(&outcome), panicked, "{delivery}, {how}");
                outcome.assert_nothing_lost(StreamEnd::Clean);
            }
        }
    }
}

#[test]
fn at_a_panic_that_aborts_neither_loses_anything_not_even_the_panic() {
    for delivery in DELIVERIES {
        for records in [20, 2 * BURST] {
            let outcome = dying(delivery, "panic-abort", records).run();
            assert_ended(&outcome, Status::Signal(6));
            assert_first(&outcome, records);
            assert_eq!(panics(&outcome), 1, "{delivery}");
            outcome.assert_nothing_lost(StreamEnd::Eof);
        }
    }
}

#[test]
fn at_a_signal_that_is_handled_with_a_flush_neither_loses_anything() {
    for delivery in DELIVERIES {
        for records in [20, 2 * BURST] {
            let outcome = dying(delivery, "sigterm-handled", records).run();
            assert_ended(&outcome, Status::Code(7));
            assert_first(&outcome, records);
            outcome.assert_nothing_lost(StreamEnd::Eof);
        }
    }
}

#[test]
fn at_a_sudden_death_neither_loses_anything() {
    for delivery in DELIVERIES {
        for (how, status) in SUDDEN {
            for records in [20, 2 * BURST] {
                let outcome = dying(delivery, how, records).run();
                assert_ended(&outcome, status);
                assert_first(&outcome, records);
                outcome.assert_nothing_lost(StreamEnd::Eof);
            }
        }
    }
}

/// The records that it had not read are lost with the parent. The child gets no notice and goes on.
#[test]
fn at_the_death_of_the_parent_both_lose_what_it_had_not_read_and_live_on() {
    for delivery in DELIVERIES {
        within(async {
            let mut running = dying(delivery, "parent-dies", 20).start();
            assert_eq!(running.talk.line().await, "logged", "{delivery}");
            drop(running.logs);
            running.talk.go().await;
            let status = running.child.wait().await.expect("a status");
            assert!(status.success(), "{delivery}: {status}");
        });
    }
}
