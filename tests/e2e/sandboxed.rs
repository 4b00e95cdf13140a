//! A system that refuses what a log call asks it for costs what it was asked for, and no record.

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

/// How much of the processor 2 s take in which there is no room; no other load adds to that.
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
