//! Processes are told apart even if they have the same pid, or if the C library does not know of them.

use std::collections::HashSet;

use pipe_subscriber::LogRecord;

use crate::support::{Outcome, number, pattern, scenario};

const SIZES: [usize; 2] = [100, 20_000];

/// Asserts that all records of one of the processes arrived, whole and in order.
#[track_caller]
fn check(outcome: &Outcome, who: &str, numbers: std::ops::Range<usize>, size: usize) {
    let own = |record: &&LogRecord<'_>| record.key_values.get("who") == Some(who.into());
    let own: Vec<_> = outcome.records.iter().filter(own).collect();
    assert_eq!(own.len(), numbers.len(), "records of {who}");
    for (record, n) in own.into_iter().zip(numbers) {
        assert_eq!(number(record, "n"), n as u64, "{who}");
        assert!(record.message == pattern(size, n), "record {n} of {who}");
    }
}

/// Asserts one account for each process that has a handler, each of them closed.
#[track_caller]
fn check_accounts(outcome: &Outcome, count: usize) {
    outcome.assert_complete();
    let processes = &outcome.summary.processes;
    let instances: HashSet<_> = processes.iter().map(|p| p.instance).collect();
    assert_eq!((processes.len(), instances.len()), (count, count));
}

#[test]
#[ignore = "needs root or user namespaces"]
fn two_first_processes_of_pid_namespaces_mix_nothing_on_one_pipe() {
    for size in SIZES {
        for before in ["logged", "nothing"] {
            let arguments = ["300", &size.to_string(), before].map(str::to_owned);
            let child = arguments
                .iter()
                .fold(scenario("two-namespaces"), |s, a| s.arg(a));
            let outcome = child.run();
            check(&outcome, "a", 0..300, size);
            check(&outcome, "b", 0..300, size);
            check_accounts(&outcome, 3);
        }
    }
}

#[test]
#[ignore = "needs root or user namespaces"]
fn a_first_process_that_makes_another_first_process_is_not_taken_for_it() {
    for size in SIZES {
        let outcome = scenario("nested-namespaces").arg(100).arg(size).run();
        check(&outcome, "a", 0..200, size);
        check(&outcome, "b", 0..100, size);
        check_accounts(&outcome, 3);
    }
}

#[test]
fn a_process_made_by_the_system_call_alone_is_noticed() {
    for size in SIZES {
        for together in ["at-once", "after"] {
            let child = scenario("cloned").arg(300).arg(size).arg(together);
            let outcome = child.run();
            check(&outcome, "a", 0..300, size);
            check(&outcome, "b", 0..300, size);
            check_accounts(&outcome, 2);
        }
    }
}

#[test]
fn a_process_made_in_the_middle_of_a_record_is_noticed_and_has_its_own() {
    for size in SIZES {
        let outcome = scenario("cloned-in-display").arg(size).run();
        check_accounts(&outcome, 2);
        for process in &outcome.summary.processes {
            let own = |record: &&LogRecord<'_>| record.instance == process.instance;
            let own: Vec<_> = outcome.records.iter().filter(own).collect();
            let seqs: Vec<_> = own.iter().map(|record| record.seq).collect();
            assert_eq!(seqs, [1, 2, 3]);
            for (record, n) in own.into_iter().zip(0..) {
                assert!(record.message == pattern(size, n), "record {n}");
                assert_eq!((record.pid, record.thread_id), (process.pid, process.pid));
            }
        }
    }
}

#[test]
fn two_programs_that_adopt_the_same_variable_have_an_account_each() {
    let outcome = scenario("two-programs").run();
    assert_eq!(outcome.records.len(), 12);
    check_accounts(&outcome, 3);
}
