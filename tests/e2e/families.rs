//! Forks, grandchildren and programs that call exec, all on one pipe.

use std::collections::HashSet;

use pipe_subscriber::{LogRecord, ProcessSummary};

use crate::support::{Outcome, number, pattern, scenario};

fn by<'r>(outcome: &'r Outcome, who: &str) -> Vec<&'r LogRecord<'static>> {
    let own = |record: &&LogRecord<'_>| record.key_values.get("who") == Some(who.into());
    outcome.records.iter().filter(own).collect()
}

#[test]
fn a_fork_among_threads_logs_under_its_own_pid_and_both_close() {
    let outcome = scenario("fork").run();
    outcome.assert_complete();

    let child = by(&outcome, "child");
    assert_eq!(child.len(), 101);
    let pid = number(child[0], "pid");
    assert_ne!(pid, outcome.pid);
    for (record, n) in child.iter().zip(0..) {
        assert_eq!(record.pid, Some(pid));
        assert_eq!(record.seq, n + 1, "it counts its own");
        assert_eq!(number(record, "n"), n);
        assert_eq!(
            record.thread_id,
            Some(pid),
            "the thread that forked is its main thread"
        );
    }
    assert_eq!(child[100].message, "y".repeat(10_000));

    let parent = by(&outcome, "parent");
    assert!(parent.iter().all(|record| record.pid == Some(outcome.pid)));
    assert!(
        parent
            .iter()
            .any(|record| record.message == "x".repeat(10_000))
    );
    assert!(parent.iter().any(|record| record.message == "after"));
    let closed: Vec<_> = outcome
        .summary
        .processes
        .iter()
        .map(|p| (p.pid, p.closed))
        .collect();
    assert_eq!(closed, [(Some(outcome.pid), true), (Some(pid), true)]);
}

#[test]
fn a_fork_that_never_logs_is_no_process_to_the_parent() {
    for how in ["_exit", "exit"] {
        let outcome = scenario("fork-silent").arg(how).run();
        outcome.assert_complete();
        assert_eq!(outcome.messages(), ["before", "after"], "{how}");
        assert_eq!(outcome.summary.processes.len(), 1, "{how}");
    }
}

#[test]
fn a_fork_closes_even_where_its_parent_has_closed_with_the_same_figures() {
    let outcome = scenario("fork-after-close").run();
    assert_eq!(outcome.records.len(), 6);
    let closed: Vec<bool> = outcome.summary.processes.iter().map(|p| p.closed).collect();
    assert_eq!(closed, [true, true]);
    outcome.assert_complete();
}

#[test]
fn many_forks_at_once_tear_nothing() {
    let outcome = scenario("fork-storm").arg(10).arg(200).run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 2_001);
    assert_eq!(outcome.summary.processes.len(), 11);
    for record in &outcome.records {
        let n = usize::try_from(number(record, "n")).expect("small");
        let size = if n.is_multiple_of(10) { 9_000 } else { 50 };
        assert!(record.message == pattern(size, n), "record {n}");
    }
}

#[test]
fn a_pipe_that_is_shared_with_a_grandchild_serves_both() {
    let outcome = scenario("share").run();
    outcome.assert_complete();

    let parent: Vec<_> = outcome
        .of(outcome.pid)
        .iter()
        .map(|r| r.message.clone())
        .collect();
    assert_eq!(parent, ["before", "meanwhile", "after"]);
    let child = number(outcome.of(outcome.pid)[1], "child");
    assert_eq!(outcome.of(child).len(), 5);
    let pids: HashSet<_> = outcome.summary.processes.iter().map(|p| p.pid).collect();
    assert_eq!(pids, HashSet::from([Some(outcome.pid), Some(child)]));
}

#[test]
fn a_process_that_becomes_another_program_keeps_exact_figures() {
    let outcome = scenario("exec").run();
    outcome.assert_complete();

    assert_eq!(outcome.records.len(), 8);
    assert!(
        outcome
            .records
            .iter()
            .all(|record| record.pid == Some(outcome.pid))
    );
    let figures = |p: &ProcessSummary| (p.pid, p.received, p.missing, p.closed);
    let figures: Vec<_> = outcome.summary.processes.iter().map(figures).collect();
    let pid = Some(outcome.pid);
    assert_eq!(figures, [(pid, 5, 0, true), (pid, 3, 0, true)]);
    let first = outcome.summary.processes[0].incarnation;
    assert!(outcome.summary.processes[1].incarnation > first);
}

#[test]
fn a_process_that_could_not_become_another_goes_on_and_closes() {
    let outcome = scenario("exec-fails").run();
    assert_eq!(outcome.messages(), ["before", "after"]);
    outcome.assert_complete();
}

#[test]
fn a_process_that_could_not_become_another_leaks_no_pipe() {
    let outcome = scenario("exec-fails").run();
    // The flag is read before the next record: a child that is started then must not inherit the pipe.
    let values = outcome.records[1].key_values.to_string();
    assert_eq!(
        values,
        r#"{"error":"entity not found","close_on_exec":true}"#
    );
}
