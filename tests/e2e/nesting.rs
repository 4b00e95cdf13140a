//! Logging while a record is formatted, while a thread ends, and in panic hooks.

use pipe_subscriber::LogRecord;
use record_proto::{FORMATTING_FAILED, FORMATTING_PANICKED};

use crate::support::{Outcome, number, pattern, scenario, within};

fn count(outcome: &Outcome, part: &str) -> usize {
    outcome
        .messages()
        .iter()
        .filter(|message| message.contains(part))
        .count()
}

#[test]
fn a_display_that_logs_is_delivered_with_the_record_that_it_is_part_of() {
    let outcome = scenario("display-logs").run();
    outcome.assert_complete();

    let expected = [
        "inner (0)",
        "inner (0)",
        "inner (1)",
        "outer (2)",
        "afterwards",
    ];
    let mut messages = outcome.messages();
    messages.sort_by_key(|message| expected.iter().position(|e| e == message));
    assert_eq!(messages, expected);
    let outer = outcome
        .records
        .iter()
        .find(|record| record.message == "outer (2)");
    assert_eq!(
        outer.expect("a record").key_values.to_string(),
        r#"{"key":"(1)"}"#
    );
}

#[test]
fn a_drop_that_logs_is_delivered() {
    let outcome = scenario("drop-logs").run();
    outcome.assert_complete();
    assert_eq!(count(&outcome, "dropped"), 3);
    assert_eq!(count(&outcome, "outer 1"), 1);
    assert_eq!(count(&outcome, "with a value that logs"), 1, "the panic");
}

#[test]
fn destructors_of_thread_locals_log_whenever_they_run() {
    let outcome = scenario("thread-local-logs").run();
    outcome.assert_complete();
    for who in [
        "thread early",
        "thread late",
        "silent thread",
        "main early",
        "main late",
    ] {
        assert_eq!(count(&outcome, &format!("last words: {who}")), 1, "{who}");
        let long = format!("{who}: {}", "z".repeat(5_000));
        assert!(outcome.messages().contains(&&*long), "{who}");
    }
    assert_eq!(count(&outcome, "first words"), 2);
}

/// In a host that is not a Rust program.
#[test]
fn threads_log_whose_thread_locals_are_gone() {
    for before in ["logged", "silent"] {
        let outcome = scenario("destructors-of-keys").arg(before).run();
        outcome.assert_complete();
        let in_rounds = |record: &&LogRecord<'_>| record.key_values.get("round").is_some();
        let last_words: Vec<_> = outcome.records.iter().filter(in_rounds).collect();
        let rounds: Vec<u64> = last_words.iter().map(|r| number(r, "round")).collect();
        assert_eq!(rounds, [1, 2, 3, 4, 1, 2, 3, 4], "{before}");
        for record in last_words {
            assert_eq!(record.thread_id, Some(number(record, "id")), "{before}");
            assert_eq!(
                record.message,
                pattern(5_000, number(record, "round") as usize)
            );
        }
    }
}

#[test]
fn a_thread_whose_thread_locals_are_gone_ends_the_process_and_closes() {
    let outcome = scenario("exit-without-thread-locals").run();
    assert_eq!(outcome.messages(), ["main", "static destructor"]);
    outcome.assert_complete();
}

#[test]
fn records_within_records_are_delivered_to_a_depth_of_four_and_deeper_ones_are_counted() {
    let outcome = scenario("deep").run();
    assert!(outcome.status.success());

    let depths: Vec<u64> = outcome
        .records
        .iter()
        .filter(|record| record.key_values.get("depth").is_some())
        .map(|record| number(record, "depth"))
        .collect();
    // The outermost comes last: a record is sent when it is formatted.
    assert_eq!(depths, [17, 18, 19, 20, 100, 1, 2, 3, 4, 100]);
    let summary = &outcome.summary;
    assert_eq!(
        (summary.received, summary.dropped, summary.missing),
        (11, 1, 0),
        "{summary}"
    );
    assert_eq!(summary.dropped_by_level.of(log::Level::Info), 1);
    assert_eq!(summary.end, pipe_subscriber::StreamEnd::Clean);
}

#[test]
fn a_display_that_panics_or_fails_costs_no_record() {
    let outcome = scenario("display-panics").run();
    outcome.assert_complete();

    let (panics, records): (Vec<_>, Vec<_>) = outcome
        .records
        .iter()
        .partition(|record| record.target == "panic");
    assert_eq!(panics.len(), 2, "{panics:?}");
    assert_eq!(records.len(), 3);
    assert_eq!(
        records[0].message,
        format!("text so far{FORMATTING_PANICKED}")
    );
    assert_eq!(number(records[0], "key"), 1);
    assert_eq!(records[1].message, "key-value");
    let values = &records[1].key_values;
    assert_eq!(
        values.get("key"),
        Some(format!("so far{FORMATTING_PANICKED}").into())
    );
    assert_eq!(values.get("failing"), Some(FORMATTING_FAILED.into()));
    assert_eq!(
        (number(records[1], "before"), number(records[1], "behind")),
        (1, 2)
    );
    assert_eq!(records[2].message, "afterwards");
}

#[test]
fn panic_hooks_may_log() {
    let outcome = scenario("hook-logs").run();
    outcome.assert_complete();
    let expected = [
        "once",
        "from the first hook",
        "from the last hook",
        "afterwards",
    ];
    assert_eq!(outcome.messages(), expected);
}

#[test]
fn a_fork_in_the_middle_of_a_record_logs() {
    let outcome = scenario("fork-in-display").run();
    outcome.assert_complete();
    assert_eq!(
        outcome.messages(),
        ["forked in the middle of a record", "outer a fork"]
    );
    assert_ne!(outcome.records[0].pid, outcome.records[1].pid);
    assert_eq!(outcome.summary.processes.len(), 2);
}

#[test]
fn tasks_and_blocking_threads_of_a_runtime_log() {
    let outcome = within(async { scenario("runtime").start().finish().await });
    outcome.assert_complete();
    assert_eq!(count(&outcome, "blocking"), 20);
    assert_eq!(count(&outcome, "task"), 20);
    assert_eq!(count(&outcome, "afterwards"), 1);
    #[cfg(feature = "runtime_logs")]
    assert!(
        outcome
            .records
            .iter()
            .any(|record| record.target.starts_with("mio::"))
    );
}
