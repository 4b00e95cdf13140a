//! The same children with buffered delivery.

use pipe_subscriber::StreamEnd;

use crate::support::{Outcome, Scenario, number, pattern, scenario, within};

fn buffered(name: &str) -> Scenario {
    scenario(name).env("E2E_DELIVERY", "buffered")
}

fn panics(outcome: &Outcome) -> usize {
    let all = outcome.records.iter();
    all.filter(|record| record.target == "panic").count()
}

#[test]
fn an_orderly_end_and_a_panic_lose_nothing_of_the_queue() {
    for (how, code, panicked) in [
        ("return", 0, 0),
        ("exit", 3, 0),
        ("exit-in-thread", 3, 0),
        ("panic", 101, 1),
        ("panic-in-thread", 0, 1),
    ] {
        let outcome = buffered("end").arg(how).run();
        assert_eq!(outcome.status.code(), Some(code), "{how}");
        outcome.assert_nothing_lost(StreamEnd::Clean);
        assert_eq!(outcome.records.len(), 40 + panicked, "{how}");
        assert_eq!(panics(&outcome), panicked, "{how}");
    }
}

#[test]
fn a_sudden_end_tears_nothing() {
    for how in ["abort", "kill"] {
        let outcome = buffered("end").arg(how).run();
        let summary = &outcome.summary;
        assert_eq!(summary.end, StreamEnd::Eof, "{how}: {summary}");
        let wrong = [summary.malformed, summary.unknown, summary.dropped];
        assert_eq!(wrong, [0; 3], "{how}: {:?}", summary.reasons);
        for t in 0..4 {
            let own = outcome
                .records
                .iter()
                .filter(|record| number(record, "t") == t);
            let numbers: Vec<u64> = own.map(|record| number(record, "n")).collect();
            let expected: Vec<u64> = (0..numbers.len() as u64).collect();
            assert_eq!(numbers, expected, "{how}: in order and without a gap");
        }
    }
}

#[test]
fn eight_threads_keep_their_order_each() {
    let outcome = buffered("order").arg(8).arg(2_000).run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 16_000);
    for t in 0..8 {
        let own = outcome
            .records
            .iter()
            .filter(|record| number(record, "t") == t);
        let numbers: Vec<u64> = own.map(|record| number(record, "n")).collect();
        assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
    }
}

#[test]
fn large_records_are_whole() {
    let sizes = [0, 4_096, 262_144, 1];
    let start = buffered("sizes");
    let outcome = sizes.iter().fold(start, |s, size| s.arg(size)).run();
    outcome.assert_complete();
    for (record, size) in outcome.records.iter().zip(sizes) {
        assert!(record.message == pattern(size, 0), "{size} bytes");
    }
    let outcome = buffered("together").arg(5).arg(2).run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 10);
}

#[test]
fn forks_and_other_processes_on_the_pipe_lose_and_repeat_nothing() {
    for name in ["fork", "share", "exec", "fork-after-close"] {
        let outcome = buffered(name).run();
        outcome.assert_complete();
        let mut seen: Vec<_> = outcome
            .records
            .iter()
            .map(|r| (r.pid, r.time, r.seq))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(
            seen.len(),
            outcome.records.len(),
            "{name}: each record once"
        );
    }
    for how in ["_exit", "exit"] {
        let outcome = buffered("fork-silent").arg(how).run();
        outcome.assert_complete();
        assert_eq!(outcome.messages(), ["before", "after"], "{how}");
    }
    let outcome = buffered("fork-storm").arg(5).arg(100).run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 501);
}

#[test]
fn what_arrives_and_what_is_dropped_add_up() {
    for policy in ["drop", "block"] {
        let flood = buffered("flood").arg(policy).arg(4).arg(5_000).arg(300);
        let outcome = flood.run();
        assert!(outcome.status.success());
        let summary = &outcome.summary;
        assert_eq!(
            summary.received + summary.dropped,
            20_001,
            "{policy}: {summary}"
        );
        assert_eq!(summary.missing, 0, "{policy}: {summary}");
        assert_eq!(summary.end, StreamEnd::Clean, "{policy}: {summary}");
        if policy == "block" {
            outcome.assert_complete();
        }
    }
}

#[test]
fn logging_from_anywhere_is_as_harmless() {
    for name in [
        "display-logs",
        "drop-logs",
        "thread-local-logs",
        "hook-logs",
        "display-panics",
    ] {
        let (direct, queued) = (scenario(name).run(), buffered(name).run());
        queued.assert_complete();
        let sorted = |outcome: &Outcome| {
            let mut messages: Vec<_> = outcome.messages().iter().map(|m| m.to_string()).collect();
            messages.sort();
            messages
        };
        assert_eq!(sorted(&queued), sorted(&direct), "{name}");
    }
}

#[test]
fn a_child_goes_on_when_its_parent_no_longer_reads() {
    for how in ["plainly", "drop", "default-signal", "gone-before"] {
        within(async {
            let mut running = buffered("orphan").arg(how).start();
            assert_eq!(running.talk.line().await, "ready", "{how}");
            drop(running.logs);
            running.talk.go().await;
            assert_eq!(running.talk.line().await, "still here", "{how}");
            let status = running.child.wait().await.expect("a status");
            assert!(status.success(), "{how}: {status}");
        });
    }
}
