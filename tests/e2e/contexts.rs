//! Logging from anywhere: each place with each delivery, alone and while another thread logs as fast as it can.

use pipe_subscriber::{LogRecord, StreamEnd};

use crate::support::{Outcome, Scenario, number, pattern, scenario, within};

const DELIVERIES: [&str; 2] = ["direct", "shared"];

/// The scenarios whose records are the same with each delivery.
const CONTEXTS: [&str; 10] = [
    "display-logs",
    "drop-logs",
    "thread-local-logs",
    "deep",
    "display-panics",
    "hook-logs",
    "fork-in-display",
    "runtime",
    "thread-exits",
    "runtime-gone",
];

fn by(delivery: &str, name: &str) -> Scenario {
    scenario(name).env("E2E_DELIVERY", delivery)
}

/// The records of a runtime itself, if they are compiled in, differ from run to run.
fn is_of_a_runtime(record: &LogRecord<'_>) -> bool {
    let names = ["mio", "tokio"];
    names.iter().any(|name| record.target.starts_with(name))
}

/// Returns the records of the scenario itself, in no particular order. No record of the busy thread is missing.
fn without_noise(outcome: &Outcome) -> Vec<&str> {
    let (noise, own): (Vec<_>, Vec<_>) = outcome
        .records
        .iter()
        .partition(|record| record.target == "noise");
    for (record, n) in noise.iter().zip(0..) {
        assert_eq!(number(record, "n"), n, "the noise is in order");
    }
    let own = own.into_iter().filter(|record| !is_of_a_runtime(record));
    let mut messages: Vec<&str> = own.map(|record| &*record.message).collect();
    messages.sort_unstable();
    messages
}

#[track_caller]
fn assert_same(outcome: &Outcome, expected: &Outcome, which: &str) {
    assert!(outcome.status.success(), "{which}: {}", outcome.status);
    let summary = &outcome.summary;
    assert_eq!(summary.end, StreamEnd::Clean, "{which}: {summary}");
    let figures = |outcome: &Outcome| {
        let summary = &outcome.summary;
        let wrong = [summary.malformed, summary.unknown, summary.logger_panics];
        (summary.dropped, summary.missing, wrong)
    };
    assert_eq!(figures(outcome), figures(expected), "{which}: {summary}");
    assert_eq!(without_noise(outcome), without_noise(expected), "{which}");
}

#[test]
fn every_context_logs_the_same_with_every_delivery_and_whatever_else_goes_on() {
    for name in CONTEXTS {
        let expected = scenario(name).run();
        assert!(!expected.records.is_empty());
        for delivery in DELIVERIES {
            let quiet = by(delivery, name).run();
            assert_same(&quiet, &expected, &format!("{name}, {delivery}"));
            let noisy = by(delivery, name).env("E2E_NOISE", "1").run();
            assert_same(&noisy, &expected, &format!("{name}, {delivery}, noise"));
        }
    }
}

#[test]
fn a_thread_that_ends_inside_a_log_call_takes_nobody_with_it() {
    let outcome = scenario("thread-exits").run();
    outcome.assert_complete();
    let count = |text: &str| outcome.messages().iter().filter(|m| **m == text).count();
    assert_eq!((count("still here"), count("one less")), (10, 10));
    assert_eq!(count(&pattern(9_000, 0)), 1);
    assert_eq!(
        outcome.records.len(),
        21,
        "what was not finished is not there"
    );
}

#[test]
fn a_log_call_that_waits_is_no_point_of_cancellation() {
    for delivery in DELIVERIES {
        let outcome = within(async {
            let mut running = by(delivery, "thread-cancelled").start();
            assert_eq!(running.talk.line().await, "cancelled", "{delivery}");
            running.finish().await
        });
        outcome.assert_complete();
        assert_eq!(outcome.records.len(), 20_000, "{delivery}");
    }
}

#[test]
fn exit_hooks_log() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "atexit").run();
        assert!(outcome.status.success(), "{delivery}: {}", outcome.status);
        let summary = &outcome.summary;
        assert_eq!(summary.end, StreamEnd::Clean, "{delivery}: {summary}");
        let own = outcome.records.iter().filter(|r| !is_of_a_runtime(r));
        let messages: Vec<&str> = own.map(|record| &*record.message).collect();
        let long = pattern(9_000, 0);
        let before = ["main", "before the handler's exit hook", &*long];
        assert_eq!(messages[..3], before, "{delivery}");
        // The rings are given back: the record goes through the pipe.
        assert_eq!(
            messages[3..],
            ["behind the handler's exit hook"],
            "{delivery}"
        );
        outcome.assert_complete();
    }
}

#[test]
fn a_runtime_that_never_yields_keeps_no_record_back() {
    for delivery in DELIVERIES {
        within(async {
            let mut running = by(delivery, "never-yields").start();
            let (mut talk, mut received) = (running.talk, 0);
            let (all, mut seen) = tokio::sync::mpsc::unbounded_channel();
            let run = running.logs.run_with(|_| {
                received += 1;
                if received == 10_000 {
                    all.send(()).expect("a listener");
                }
            });
            let go = async {
                assert_eq!(talk.line().await, "logged", "{delivery}");
                seen.recv().await.expect("all records, before it goes on");
                talk.go().await;
                running.child.wait().await.expect("a status")
            };
            let (summary, status) = tokio::join!(run, go);
            assert!(status.success(), "{delivery}: {status}");
            let summary = summary.expect("no read error");
            assert!(summary.is_complete(), "{delivery}: {summary}");
            assert_eq!(received, 10_000, "{delivery}");
        });
    }
}

#[test]
fn a_runtime_that_logs_what_it_does_loses_nothing() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "busy-runtime").run();
        outcome.assert_complete();
        let of_tasks = outcome.records.iter().filter(|r| r.target == "task");
        assert_eq!(of_tasks.count(), 12_000, "{delivery}");
        let others = outcome.records.len() - 12_000;
        assert!(others < 12_000, "{delivery}: {others} about 12000");
    }
}

#[test]
fn signals_are_left_to_a_program_that_waits_for_them() {
    for delivery in DELIVERIES {
        within(async {
            let mut running = by(delivery, "waits-for-signals").start();
            let taken = running.talk.line().await;
            let outcome = running.finish().await;
            outcome.assert_complete();
            assert_eq!(outcome.messages(), ["before", "waited for"]);
            assert_eq!(taken, "", "{delivery}: another thread takes them");
        });
    }
}
