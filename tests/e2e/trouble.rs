//! Parents that are gone, stalled, slow, or out of descriptors or of disk.

use std::{process::Stdio, time::Duration};

use pipe_subscriber::StreamEnd;

use crate::support::{LIMIT, Scenario, Talk, number, pattern, piped, scenario, within};

const DELIVERIES: [&str; 2] = ["direct", "shared"];

fn by(delivery: &str, name: &str) -> Scenario {
    scenario(name).env("E2E_DELIVERY", delivery)
}

async fn nanoseconds(talk: &mut Talk) -> Duration {
    let line = talk.line().await;
    Duration::from_nanos(line.parse().expect("a number"))
}

/// Bounds on processor time, to which other load on the machine does not add.
async fn assert_quiet(talk: &mut Talk, which: &str) {
    assert_eq!(talk.line().await, "0", "{which}: not one write is tried");
    let busy = nanoseconds(talk).await;
    println!("{which}: 200,000 log calls take {busy:?} of the processor");
    assert!(busy < Duration::from_secs(10), "{which}: {busy:?}");
    // The writes that a spinning thread would have time for.
    for _ in 0..20 {
        let status = tokio::process::Command::new("true").status().await;
        assert!(status.expect("a status").success());
    }
    talk.go().await;
    let idle = nanoseconds(talk).await;
    println!("{which}: and {idle:?} for nothing meanwhile");
    assert!(idle < Duration::from_millis(10), "{which}: {idle:?}");
}

#[test]
fn a_child_without_a_parent_is_quiet_and_does_not_spin() {
    for delivery in DELIVERIES {
        for policy in ["block", "drop"] {
            within(async {
                let mut running = by(delivery, "gone").arg(policy).start();
                assert_eq!(running.talk.line().await, "ready");
                drop(running.logs);
                running.talk.go().await;
                assert_quiet(&mut running.talk, &format!("{delivery}, {policy}")).await;
                running.talk.go().await;
                let status = running.child.wait().await.expect("a status");
                assert!(status.success(), "{status}");
                assert_eq!(running.errors.text(), "", "not a word on stderr");
            });
        }
    }
}

#[test]
fn a_child_whose_parent_is_killed_is_as_quiet() {
    for delivery in DELIVERIES {
        within(async {
            let scenario = by(delivery, "parent-killed").arg("block");
            let (mut command, _errors) = scenario.into_command();
            let mut parent = command.spawn().expect("a parent");
            // The grandchild has the parent's stdin and stdout.
            let mut talk = Talk::of(&mut parent);
            assert_eq!(talk.line().await, "ready");
            parent.start_kill().expect("a process");
            parent.wait().await.expect("a status");
            talk.go().await;
            assert_quiet(&mut talk, &format!("{delivery}, killed")).await;
            talk.go().await;
            assert_eq!(talk.rest().await, "", "and it ends");
        });
    }
}

/// Tests that the wait ends, not how fast: an hour would do as well.
#[test]
fn a_log_call_waits_no_longer_than_its_policy_says() {
    for delivery in DELIVERIES {
        for (policy, calls) in [("drop", 10_000), ("5ms", 20), ("50ms", 5)] {
            within(async {
                let stalled = by(delivery, "stalled").arg(policy).arg(calls);
                let mut running = stalled.start();
                let longest = nanoseconds(&mut running.talk).await;
                println!("{policy}, {delivery}: the longest of {calls} calls took {longest:?}");
                assert!(longest < LIMIT / 2, "{policy}, {delivery}: {longest:?}");
                let status = running.child.wait().await.expect("a status");
                assert!(status.success(), "it ends though nobody reads: {status}");
            });
        }
    }
}

/// Waits until the main thread of a process sleeps, which here means that it waits at its exit.
async fn wait_until_asleep(pid: u64) {
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        match state.expect("a state") {
            'S' => return,
            'Z' => panic!("it has ended and not waited"),
            _ => tokio::task::yield_now().await,
        }
    }
}

#[test]
fn a_full_pipe_at_the_exit_is_waited_for() {
    for (timeout, is_closed) in [(1_000_000, true), (1, false)] {
        let (outcome, sent) = within(async {
            let mut running = piped("exit-when-full").arg(timeout).start();
            let told = running.talk.line().await;
            match is_closed {
                true => wait_until_asleep(running.pid).await,
                false => drop(running.child.wait().await.expect("a status")),
            }
            let sent: u64 = told
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .expect("n");
            (running.finish().await, sent)
        });
        assert!(outcome.status.success(), "{}", outcome.status);
        let summary = &outcome.summary;
        let is_clean = summary.end == pipe_subscriber::StreamEnd::Clean;
        assert_eq!(is_clean, is_closed, "{summary}");
        if is_closed {
            assert_eq!(summary.received + summary.dropped, 11, "{summary}");
            assert_eq!((summary.received, summary.missing), (sent, 0), "{summary}");
        }
    }
}

#[test]
fn at_the_limit_of_descriptors_a_spawn_fails_cleanly_or_keeps_its_promises() {
    let (status, said, errors) = scenario("parent-limits").stdin(Stdio::null()).run_alone();
    assert!(status.success(), "{status}: {errors}");
    let lines: Vec<Vec<&str>> = said
        .lines()
        .filter(|line| line.contains(' '))
        .map(|line| line.split(' ').collect())
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    for line in lines {
        let failed: u32 = line[0].parse().expect("a number");
        assert!(
            failed >= 3,
            "a pipe has two ends, and there is the child's exit: {said}"
        );
        assert_eq!(line[1..], ["0", "held-open", "held-open"], "{said}");
    }
}

#[test]
fn a_logger_that_cannot_write_costs_no_figures() {
    let (status, said, errors) = scenario("parent-full-disk").run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert!(said.starts_with("all 2,000 records received"), "{said}");
}

#[test]
fn a_slow_logger_on_its_own_thread_delays_nobody_else() {
    let (status, said, errors) = scenario("parent-slow").run_alone();
    assert!(status.success(), "{status}: {errors}");
    let complete = |line: &&str| *line == "all 40,000 records received";
    assert_eq!(said.lines().filter(complete).count(), 2, "{said}");
}

#[test]
fn memory_that_cannot_be_had_costs_no_more_than_what_it_is_for() {
    const SIZE: usize = 200_000;
    for delivery in DELIVERIES {
        let outcome = by(delivery, "scarce").arg(16 * 1024).arg(SIZE).run();
        assert!(outcome.status.success(), "{delivery}: {}", outcome.status);
        let summary = &outcome.summary;
        assert_eq!(
            (summary.missing, summary.end),
            (0, StreamEnd::Clean),
            "{delivery}: {summary}"
        );
        assert_eq!(
            summary.received + summary.dropped,
            19,
            "{delivery}: {summary}"
        );

        let all = pattern(SIZE, 0);
        let of = |n| {
            outcome
                .records
                .iter()
                .find(|record| number(record, "n") == n)
        };
        for n in [0, 7].into_iter().chain(8..18) {
            assert!(of(n).is_some(), "{delivery}: record {n}");
        }
        // A message is cut where memory ends, and has its original length.
        for record in [1, 2].into_iter().filter_map(of) {
            assert!(all.starts_with(&*record.message), "{delivery}");
            assert_eq!(record.original_length, Some(SIZE as u64), "{delivery}");
        }
        for (n, message) in [
            (3, "key-value"),
            (4, "key-value in one piece"),
            (5, "key-value as it is"),
            (6, "error"),
        ] {
            assert!(
                of(n).is_none_or(|record| record.message == message),
                "{delivery}: record {n}"
            );
        }
        // When there is memory again, every record is complete.
        let last = of(18).expect("the last record");
        assert!(last.message == all, "{delivery}");
    }
}
