//! Scopes: their values, hold-back, groups and bound handlers, with each delivery.

use std::collections::HashMap;

use pipe_subscriber::{LogRecord, StreamEnd};
use record_proto::BatchReason;

use crate::support::{Outcome, Scenario, number, scenario, within};

const DELIVERIES: [&str; 2] = ["direct", "shared"];

fn by(delivery: &str, name: &str) -> Outcome {
    scenario(name).env("E2E_DELIVERY", delivery).run()
}

/// Each record is a write, so that a kill comes between two of a batch.
fn by_direct(name: &str) -> Scenario {
    scenario(name).env("E2E_DELIVERY", "direct")
}

/// The records without those of a runtime.
fn own(outcome: &Outcome) -> Vec<&LogRecord<'static>> {
    let is_own = |record: &&LogRecord<'_>| {
        record.target.starts_with("e2e_child") || record.target == "panic"
    };
    outcome.records.iter().filter(is_own).collect()
}

/// Asserts that each batch is whole: its records count down to 0.
fn assert_batches_are_whole(records: &[&LogRecord<'_>]) {
    for (id, left) in batches(records) {
        let expected: Vec<u64> = (0..left.len() as u64).rev().collect();
        assert_eq!(left, expected, "batch {id:?}");
    }
}

/// The countdown of each batch, by the session and the number of the batch.
fn batches(records: &[&LogRecord<'_>]) -> HashMap<(Option<u32>, u64), Vec<u64>> {
    let mut batches: HashMap<_, Vec<u64>> = HashMap::new();
    for record in records {
        if let Some(batch) = record.batch {
            batches
                .entry((record.instance, batch.id))
                .or_default()
                .push(batch.left);
        }
    }
    batches
}

fn messages<'a>(records: &[&'a LogRecord<'_>]) -> Vec<&'a str> {
    records.iter().map(|record| &*record.message).collect()
}

#[test]
fn tasks_hold_back_and_group_their_records_with_every_delivery() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes");
        outcome.assert_complete();
        let records = own(&outcome);
        assert_batches_are_whole(&records);
        for task in 0..8_u64 {
            let of_task =
                |record: &&&LogRecord<'_>| record.key_values.get("task") == Some(task.into());
            let records: Vec<_> = records.iter().filter(of_task).copied().collect();
            let failed = task % 2 == 0;
            assert_eq!(
                records.len(),
                if failed { 10 + 101 + 1 } else { 10 },
                "{delivery}, {task}"
            );
            for (n, record) in records[..10].iter().enumerate() {
                assert_eq!(
                    (&*record.message, number(record, "n")),
                    ("grouped", n as u64)
                );
                assert_eq!(record.batch.expect("a batch").reason, BatchReason::Group);
                let keys: Vec<_> = record.key_values.iter().map(|(key, _)| key).collect();
                assert_eq!(keys, ["n", "step", "task"]);
                assert_eq!(record.context.to_string(), r#"{"app":"e2e"}"#);
            }
            for (n, record) in records[10..].iter().take(101).enumerate() {
                assert_eq!(number(record, "n"), n as u64, "{delivery}");
                assert_eq!(
                    record.batch.expect("a batch").reason,
                    BatchReason::Escalation
                );
            }
            assert!(!failed || records[111].message == "failed");
        }
        // Four tasks did not fail.
        let of_runtime = outcome.records.len() - records.len();
        assert_eq!(
            records.len(),
            4 * 10 + 4 * 112 + 1,
            "{delivery}, {of_runtime} of the runtime"
        );
        assert_eq!(outcome.summary.held_back, 4 * 101, "{}", outcome.summary);
    }
}

#[test]
fn the_fallback_gets_the_values_and_no_hold_back() {
    let (status, _, errors) = scenario("scopes-in-fallback").run_alone();
    assert!(status.success());
    assert_eq!(errors, "inside 7\noutside \n");
}

#[test]
fn a_forked_child_begins_with_nothing_kept_and_in_no_group() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes-fork");
        outcome.assert_complete();
        let (parent, child): (Vec<_>, Vec<_>) = own(&outcome)
            .into_iter()
            .partition(|record| record.pid == Some(outcome.pid));
        let of_child = ["sent by the child", "kept by the child", "the child failed"];
        assert_eq!(messages(&child), of_child, "{delivery}");
        let of_parent = [
            "grouped by the parent",
            "kept by the parent",
            "the parent failed",
        ];
        assert_eq!(messages(&parent), of_parent, "{delivery}");
        for record in child.iter().chain(&parent) {
            assert_eq!(
                record.key_values.to_string(),
                r#"{"in_group":true,"request":7}"#
            );
        }
        assert_batches_are_whole(&child);
        assert_batches_are_whole(&parent);
        let held_back: Vec<_> = outcome
            .summary
            .processes
            .iter()
            .map(|p| p.held_back)
            .collect();
        assert_eq!(held_back, [2, 1], "{delivery}");
        assert_eq!(child[0].batch, None, "{delivery}");
    }
}

#[test]
fn a_fork_while_other_threads_have_the_locks_of_scopes_takes_none_of_them_along() {
    const FORKS: u64 = 200;
    for delivery in DELIVERIES {
        let scenario = scenario("scopes-fork-storm").arg(FORKS);
        let outcome = scenario.env("E2E_DELIVERY", delivery).run();
        outcome.assert_complete();
        let records = own(&outcome);
        let mut of_children: Vec<_> = records
            .iter()
            .filter(|r| r.pid != Some(outcome.pid))
            .collect();
        // The records of one child are in order. Of two children, one may have a ring and the other none.
        of_children.sort_by_key(|record| {
            let is_kept = record.message == "kept by the child";
            number(record, if is_kept { "n" } else { "own" })
        });
        assert_eq!(of_children.len() as u64, 2 * FORKS, "{delivery}");
        for (n, pair) in of_children.chunks(2).enumerate() {
            let messages = [&*pair[0].message, &*pair[1].message];
            assert_eq!(
                messages,
                ["kept by the child", "the child failed"],
                "{delivery}"
            );
            assert_eq!(number(pair[0], "n"), n as u64, "{delivery}");
            assert_eq!(number(pair[1], "own"), n as u64, "{delivery}");
        }
    }
}

#[test]
fn a_panic_sends_what_the_scopes_of_its_thread_keep() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes-panic");
        outcome.assert_complete();
        let records = own(&outcome);
        assert_eq!(
            messages(&records),
            ["grouped", "outer", "inner", "no further"],
            "{delivery}"
        );
        assert_batches_are_whole(&records);
        assert_eq!(
            records[3].key_values.to_string(),
            r#"{"step":2,"request":7}"#
        );
        assert_eq!(outcome.summary.held_back, 1, "that of the other thread");
    }
}

#[test]
fn a_panic_that_aborts_sends_it_too() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes-abort");
        outcome.assert_nothing_lost(StreamEnd::Eof);
        assert_eq!(
            messages(&own(&outcome)),
            ["grouped", "kept", "no further"],
            "{delivery}"
        );
    }
}

#[test]
fn groups_that_are_open_at_the_end_of_the_program_are_sent() {
    for delivery in DELIVERIES {
        for name in ["scopes-exit", "scopes-exec"] {
            let outcome = by(delivery, name);
            outcome.assert_complete();
            let records: Vec<_> = own(&outcome);
            assert_eq!(records[0].message, "grouped", "{delivery}, {name}");
            assert_eq!(outcome.summary.held_back, 1, "{delivery}, {name}");
            let text = outcome.summary.to_string();
            assert!(text.contains("1 held back"), "{text}");
        }
    }
}

#[test]
fn a_group_that_goes_on_after_the_exit_hook_keeps_nothing_that_would_be_lost() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes-late");
        outcome.assert_complete();
        let records = own(&outcome);
        let expected = ["grouped", "late", "kept late", "failed late"];
        assert_eq!(messages(&records), expected, "{delivery}");
        assert_batches_are_whole(&records);
    }
}

#[test]
fn a_process_that_holds_back_sends_the_records_of_all_threads() {
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scopes-process");
        outcome.assert_complete();
        let records = own(&outcome);
        assert_eq!(records.len(), 401, "{delivery}");
        assert_batches_are_whole(&records);
        assert_eq!(records[400].message, "failed");
        let mut next = [0; 4];
        for record in &records[..400] {
            let t = number(record, "t") as usize;
            assert_eq!(number(record, "n"), next[t], "{delivery}");
            next[t] += 1;
        }
        assert_eq!(outcome.summary.held_back, 1);
    }
}

#[test]
fn the_dispatcher_keeps_the_global_level_at_the_highest_that_is_bound() {
    let outcome = within(async {
        let mut running = scenario("scopes-levels").start();
        let lines = running.talk.rest().await;
        (lines, running.finish().await)
    });
    let (lines, outcome) = outcome;
    let expected = "OFF\nDEBUG\nWARN\nTRACE\nINFO\nDEBUG\nINFO\nINFO\nDEBUG\nINFO\nWARN\n\
                    to the application, to the thread\n";
    assert_eq!(lines, expected);
    assert!(outcome.status.success());
    assert_eq!(outcome.messages(), ["from the child", "to the pipe"]);
}

/// `E2E_KILLS=1000` for the long run.
#[test]
fn a_kill_in_an_escalation_leaves_whole_records_in_order_and_a_count_of_the_others() {
    const RECORDS: u64 = 200;
    let kills = std::env::var("E2E_KILLS").map_or(30, |kills| kills.parse().expect("a number"));
    let mut random = fastrand::Rng::new();
    let mut torn = 0;
    for round in 0..kills {
        let (threads, kill_at) = (random.u64(1..=3), random.usize(1..=1_500));
        let outcome = within(async {
            let running = by_direct("scopes-escalate")
                .arg(threads)
                .arg(RECORDS)
                .start();
            let (pid, mut received) = (running.pid, 0);
            running
                .finish_with(|_| {
                    received += 1;
                    if received == kill_at {
                        crate::kills::kill(pid);
                    }
                })
                .await
        });
        let summary = &outcome.summary;
        let which = format!("round {round}, {threads} threads, killed at {kill_at}: {summary}");
        assert_eq!(summary.end, StreamEnd::Eof, "{which}");
        let wrong = [
            summary.malformed,
            summary.unknown,
            summary.dropped,
            summary.incomplete,
        ];
        assert_eq!(wrong, [0; 4], "{which}");
        // A batch is written in pieces, and each thread may have numbered one that it did not write.
        assert!(summary.missing <= threads * 40, "{which}");
        let records: Vec<_> = outcome.records.iter().collect();
        for (id, left) in batches(&records) {
            let came = left.len() as u64;
            let expected: Vec<u64> = (RECORDS - came..RECORDS).rev().collect();
            assert_eq!(left, expected, "{which}, {id:?}");
            torn += u64::from(came < RECORDS);
        }
        let mut next: HashMap<u64, u64> = HashMap::new();
        for record in records.iter().filter(|record| record.batch.is_some()) {
            let n = next.entry(number(record, "t")).or_default();
            assert_eq!(number(record, "n"), *n, "{which}");
            *n = (*n + 1) % RECORDS;
        }
    }
    println!("{torn} batches were torn by {kills} kills");
}

fn peak(scenario_name: &str, args: [u64; 2]) -> Vec<u64> {
    let (lines, outcome) = within(async {
        let scenario = args
            .iter()
            .fold(scenario(scenario_name), |scenario, arg| scenario.arg(arg));
        let mut running = scenario.start();
        let lines = running.talk.rest().await;
        (lines, running.finish().await)
    });
    outcome.assert_complete();
    let kibibytes = lines
        .split_whitespace()
        .map(|text| text.parse().expect("a number"));
    kibibytes.collect()
}

/// Returns how many scopes to open; `E2E_SCOPES` for the long run.
fn how_many(usually: u64) -> u64 {
    std::env::var("E2E_SCOPES").map_or(usually, |n| n.parse().expect("a number"))
}

#[test]
fn scopes_that_are_opened_and_closed_leave_no_memory_behind() {
    let few = peak("scopes-open", [6_400, 64])[0];
    let many = peak("scopes-open", [how_many(50_000), 64])[0];
    println!("{few} KiB for 6,400 scopes, {many} KiB for all");
    assert!(many < few + 8 * 1024, "{few} and {many} KiB");
}

#[test]
fn scopes_that_are_open_at_once_keep_to_their_bound() {
    let scopes = how_many(20_000);
    let total = scopes * 671; // 64 MiB for 100,000
    let [peak, bare] = peak("scopes-many", [scopes, total])[..] else {
        panic!("two numbers");
    };
    println!("{peak} KiB, {bare} of them without records");
    assert!(
        peak - bare < total / 1024 + 4 * 1024,
        "{peak} KiB, {bare} bare"
    );
}
