//! The fields of a record arrive, and the records arrive in order.

use std::collections::HashMap;

use log::Level;
use record_proto::{KeyValues, now};

use crate::support::{number, scenario};

#[test]
fn each_field_of_a_record_arrives() {
    let before = now();
    let outcome = scenario("fields").run();
    let after = now();
    outcome.assert_complete();

    assert_eq!(outcome.records.len(), 3);
    let mut last = before;
    for (record, seq) in outcome.records.iter().zip(1..) {
        assert_eq!(record.level, Level::Warn);
        assert_eq!(record.target, "shop::orders");
        assert_eq!(record.message, "order 7 accepted");
        assert_eq!(record.module_path.as_deref(), Some("e2e_child::records"));
        let file = record.file.as_deref().expect("a file");
        assert!(file.ends_with("child/records.rs"), "{file}");
        assert_eq!(record.line.map(u64::from), Some(number(record, "line")));
        assert_eq!(record.pid, Some(outcome.pid));
        assert_eq!(record.pid, Some(number(record, "pid")));
        assert_eq!(record.process.as_deref(), Some("e2e-child"));
        assert_eq!(record.thread_id, Some(number(record, "tid")));
        assert_eq!(record.seq, seq);
        assert!(
            record.time >= last && record.time <= after,
            "{}",
            record.time
        );
        last = record.time;
        assert_eq!(record.context, KeyValues::new());
        assert_eq!(record.error, None);
        assert_eq!(record.original_length, None);
    }
}

#[test]
fn threads_are_told_apart_by_name_and_number() {
    let outcome = scenario("fields").run();
    outcome.assert_complete();

    let names: Vec<_> = outcome
        .records
        .iter()
        .map(|r| r.thread.as_deref())
        .collect();
    assert_eq!(names, [Some("main"), Some("worker-7"), None]);
    let mut numbers: Vec<_> = outcome.records.iter().map(|r| r.thread_id).collect();
    assert_eq!(
        numbers[0],
        Some(outcome.pid),
        "the main thread's is the pid"
    );
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

#[test]
fn the_process_gives_its_name_and_context_to_every_record() {
    let outcome = scenario("context").run();
    outcome.assert_complete();

    let context: Vec<String> = outcome
        .records
        .iter()
        .map(|r| r.context.to_string())
        .collect();
    assert_eq!(context, [r#"{"worker":3,"job":"index","ratio":0.5}"#; 2]);
    let own: Vec<String> = outcome
        .records
        .iter()
        .map(|r| r.key_values.to_string())
        .collect();
    assert_eq!(
        own[0], r#"{"worker":"own"}"#,
        "the record's own do not mix with it"
    );
    assert!(outcome.records[1].key_values.is_empty());
    for record in &outcome.records {
        assert_eq!(record.process.as_deref(), Some("my worker"));
    }
    assert_eq!(
        outcome.summary.processes[0].process.as_deref(),
        Some("my worker")
    );
}

#[test]
fn records_of_one_thread_arrive_in_the_order_of_their_calls() {
    let outcome = scenario("order").arg(1).arg(5_000).run();
    outcome.assert_complete();

    let expected: Vec<String> = (0..5_000).map(|n| format!("t0 n{n}")).collect();
    assert_eq!(outcome.messages(), expected);
    let seqs: Vec<u64> = outcome.records.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (1..=5_000).collect::<Vec<_>>());
}

#[test]
fn eight_threads_keep_their_order_each() {
    let outcome = scenario("order").arg(8).arg(2_000).run();
    outcome.assert_complete();

    assert_eq!(outcome.records.len(), 16_000);
    let mut next: HashMap<u64, u64> = HashMap::new();
    let mut threads: HashMap<u64, Option<u64>> = HashMap::new();
    for record in &outcome.records {
        let t = number(record, "t");
        let expected = next.entry(t).or_default();
        assert_eq!(number(record, "n"), *expected, "thread {t}");
        assert_eq!(record.message, format!("t{t} n{expected}"));
        *expected += 1;
        assert_eq!(
            *threads.entry(t).or_insert(record.thread_id),
            record.thread_id
        );
    }
    assert_eq!(next.len(), 8);
    assert!(next.values().all(|&count| count == 2_000), "{next:?}");

    let mut seqs: Vec<u64> = outcome.records.iter().map(|record| record.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=16_000).collect::<Vec<_>>(), "each number once");
}
