//! A system that refuses a system call of a log call costs the result of that call, and no record.

use std::time::Duration;

use crate::support::{scenario, within};

#[test]
fn what_the_system_refuses_to_a_log_call_costs_no_record() {
    for errno in ["EPERM", "ENOSYS", "EACCES"] {
        for calls in ["getpid", "gettid", "getrandom", "prlimit64", "pwritev2"] {
            for since in ["start", "later"] {
                let child = scenario("sandboxed").arg(errno).arg(calls).arg(since);
                let outcome = child.run();
                let which = format!("{errno} {calls} {since}: {}", outcome.summary);
                assert!(outcome.status.success(), "{which}");
                assert_eq!(outcome.summary.received, 3, "{which}");
                assert_eq!(outcome.summary.processes.len(), 2, "{which}");
                assert!(outcome.summary.is_complete(), "{which}");
            }
        }
    }
}

/// Returns the processor time of a wait of 2 s without room, to which other load does not add.
fn waited(refused: &str) -> Duration {
    within(async {
        let mut running = scenario("wait-without-poll").arg(refused).start();
        let busy = running.talk.line().await.parse().expect("a number");
        let outcome = running.finish().await;
        assert!(outcome.status.success(), "{}", outcome.status);
        assert_eq!(outcome.summary.dropped, 1, "{}", outcome.summary);
        Duration::from_nanos(busy)
    })
}

#[test]
fn a_wait_for_room_that_the_system_refuses_does_not_spin() {
    let busy = waited("");
    assert!(busy < Duration::from_millis(500), "{busy:?}");
}

#[test]
fn where_no_pause_can_be_had_either_the_wait_ends_all_the_same() {
    waited("nanosleep,clock_nanosleep");
}

/// Returns the calls that SECURITY.md names in the rows with this beginning.
fn documented(rows: &[&str]) -> String {
    let page = include_str!("../../SECURITY.md");
    let is_asked = |line: &&str| {
        rows.iter()
            .any(|row| line.starts_with(&format!("| {row} |")))
    };
    let names = page
        .lines()
        .filter(is_asked)
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    names.collect::<Vec<_>>().join(",")
}

#[test]
fn a_sandbox_that_kills_for_every_call_but_those_that_are_documented_kills_no_child() {
    let calls = documented(&[
        "a thread's first record",
        "each record without a shared buffer",
        "exit",
    ]);
    for since in ["init", "later"] {
        let outcome = scenario("sandboxed-for-life").arg(&calls).arg(since).run();
        outcome.assert_complete();
        assert_eq!(outcome.records.len(), 10 + usize::from(since == "later"));
    }
    // The filter is in force.
    let outcome = scenario("sandboxed-for-life")
        .arg(calls.replace("pwritev2,", ""))
        .arg("init")
        .run();
    assert!(!outcome.status.success(), "{}", outcome.status);

    let of_older = documented(&["each write to the pipe before Linux 6.18"]);
    let child = |calls: &str| scenario("sandboxed-for-life").arg(calls).arg("older").run();
    child(&format!("{calls},{of_older}")).assert_complete();
    let outcome = child(&calls);
    assert!(!outcome.status.success(), "{}", outcome.status);
}

#[test]
#[cfg(feature = "shared-buffer")]
fn a_sandbox_with_the_documented_calls_kills_no_child_that_uses_a_shared_buffer() {
    let rows = ["a thread's first record", "each record", "exit"];
    // The smallest ring is full again and again, and takes pages.
    let run = |calls: &str, since: &str| {
        let child = scenario("sandboxed-for-life").arg(calls).arg(since);
        within(async {
            let running = child.start_as(|spawn| spawn.filter("trace").buffer(1024 * 1024));
            running.finish().await
        })
    };
    for since in ["shared", "shared-later"] {
        let outcome = run(&documented(&rows), since);
        outcome.assert_complete();
        assert_eq!(outcome.records.len(), 10 + usize::from(since != "shared"));
    }
    let outcome = run(&documented(&rows).replace("madvise,", ""), "shared");
    assert!(!outcome.status.success(), "{}", outcome.status);
}
