//! The parent's reading ends with its child, even if another process holds the pipe.

use std::time::Duration;

use pipe_subscriber::{PipeSubscriber, StreamEnd, Via};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{LIMIT, number, program, scenario, within};

/// A process that outlives its parent and is killed when this is dropped.
struct Sleeper(Pid);

impl Sleeper {
    fn of(pid: &str) -> Self {
        Self(Pid::from_raw(pid.parse().expect("a pid")).expect("a pid"))
    }

    fn is_alive(&self) -> bool {
        test_kill_process(self.0).is_ok()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _gone = kill_process(self.0, Signal::KILL);
    }
}

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hold_the_parent() {
    let outcome = within(async {
        let mut running = scenario("leave-sleeper")
            .arg("shared")
            .start_as(|spawn| spawn.filter("info").grace(SHORT));
        let sleeper = Sleeper::of(&running.talk.line().await);
        let outcome = running.finish().await;
        assert!(sleeper.is_alive(), "the end of reading was not its end");
        outcome
    });
    assert!(outcome.status.success());
    outcome.assert_nothing_lost(StreamEnd::HeldOpen);
    assert_eq!(outcome.messages(), ["asleep"]);
    assert!(
        outcome.summary.processes[0].closed,
        "held open comes before clean"
    );
}

#[test]
fn a_child_that_knows_no_pipe_and_leaves_a_sleeper_ends_as_held_open() {
    let outcome = within(async {
        let mut running = program("sh")
            .arg("-c")
            .arg("sleep 1000 & echo $!")
            .start_as(|spawn| spawn.filter("info").grace(SHORT));
        let sleeper = Sleeper::of(&running.talk.line().await);
        let outcome = running.finish().await;
        assert!(sleeper.is_alive(), "the end of reading was not its end");
        outcome
    });
    outcome.assert_nothing_lost(StreamEnd::HeldOpen);
    assert_eq!(outcome.summary.processes.len(), 0);
}

#[test]
fn a_grandchild_without_the_pipe_changes_nothing() {
    let outcome = within(async {
        let mut running =
            scenario("leave-sleeper").start_as(|spawn| spawn.filter("info").grace(LIMIT));
        let sleeper = Sleeper::of(&running.talk.line().await);
        let outcome = running.finish().await;
        assert!(sleeper.is_alive(), "it did not have to end for this");
        outcome
    });
    outcome.assert_complete();
}

#[test]
fn a_grandchild_that_lets_go_within_the_grace_ends_the_stream_in_the_ordinary_way() {
    let outcome = within(async {
        let mut running = scenario("leave-sleeper")
            .arg("shared")
            .start_as(|spawn| spawn.filter("info").grace(LIMIT));
        let sleeper = Sleeper::of(&running.talk.line().await);
        running.talk.input = None;
        let logs = tokio::spawn(running.logs.run_with(|_| {}));
        running.child.wait().await.expect("a status");
        drop(sleeper);
        logs.await.expect("no panic").expect("no read error")
    });
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(outcome.received, 1);
}

#[test]
fn what_a_grandchild_logs_within_the_grace_is_received() {
    let outcome = within(async {
        let running = scenario("leave-logger")
            .arg(0)
            .start_as(|spawn| spawn.filter("info").grace(LIMIT));
        let (mut child, mut talk) = (running.child, running.talk);
        let mut records = Vec::new();
        let (begun, mut told) = tokio::sync::mpsc::unbounded_channel();
        let run = running.logs.run_with(|record| {
            records.push((record.message.to_string(), record.pid));
            begun.send(()).expect("a listener");
        });
        let end_child = async {
            told.recv().await.expect("a record");
            talk.go().await;
            child.wait().await.expect("a status")
        };
        let (summary, status) = tokio::join!(run, end_child);
        assert!(status.success());
        (summary.expect("no read error"), records)
    });
    let (summary, records) = outcome;
    assert_eq!(records[1].0, "after the parent");
    assert_eq!(records.len(), 2);
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
    assert!(summary.is_complete(), "{summary}");
}

/// Waits for the length of a grace period by an event: the end of another child's pipe.
async fn for_a_grace_period(grace: Duration) {
    let mut running = program("sh")
        .arg("-c")
        .arg("sleep 1000 & echo $!")
        .start_as(|spawn| spawn.filter("info").grace(grace));
    let _sleeper = Sleeper::of(&running.talk.line().await);
    let outcome = running.finish().await;
    outcome.assert_nothing_lost(StreamEnd::HeldOpen);
}

#[test]
fn a_logger_that_stands_still_uses_up_no_grace() {
    const MORE: u64 = 2_000;
    const GRACE: Duration = Duration::from_secs(2);
    within(async {
        let mut running = scenario("leave-logger")
            .arg(MORE)
            .start_as(|spawn| spawn.filter("info").grace(GRACE));
        let (begun, mut told) = tokio::sync::mpsc::unbounded_channel();
        let (let_go, standing_still) = std::sync::mpsc::channel();
        let run = tokio::spawn(async move {
            let mut received = 0;
            running
                .logs
                .run_with(move |_| {
                    received += 1;
                    // The later ones have no receiver.
                    let _told = begun.send(received);
                    if received == 3 {
                        tokio::task::block_in_place(|| standing_still.recv()).expect("to go on");
                    }
                })
                .await
        });
        assert_eq!(told.recv().await, Some(1));
        running.talk.go().await;
        running.child.wait().await.expect("a status");
        assert_eq!(told.recv().await, Some(2), "logged after the exit");
        running.talk.go().await;
        assert_eq!(told.recv().await, Some(3), "and now it stands still");
        for_a_grace_period(GRACE).await;
        let_go.send(()).expect("a logger");
        let summary = run.await.expect("no panic").expect("no read error");
        assert!(summary.is_complete(), "{summary}");
        assert_eq!(summary.received, MORE + 2);
    });
}

#[test]
fn packets_arrive_while_the_child_lives_and_after_its_exit() {
    const BURST: usize = 40;
    let outcome = within(async {
        let mut running = scenario("packets")
            .arg(BURST)
            .start_as(|spawn| spawn.filter("info").grace(Duration::ZERO));
        let (begun, mut told) = tokio::sync::mpsc::unbounded_channel();
        let logs: PipeSubscriber = running.logs;
        let run = logs.run_with(|_| {
            let _told = begun.send(());
        });
        let end_child = async {
            for _ in 0..BURST {
                told.recv().await.expect("a record while the child lives");
            }
            running.talk.go().await;
            let sleeper = Sleeper::of(&running.talk.line().await);
            running.child.wait().await.expect("a status");
            sleeper
        };
        let (summary, _sleeper) = tokio::join!(run, end_child);
        summary.expect("no read error")
    });
    assert_eq!(outcome.end, StreamEnd::HeldOpen, "{outcome}");
    let whole = 2 * BURST as u64 + 1;
    assert_eq!((outcome.received, outcome.missing), (whole, 0), "{outcome}");
}

#[test]
fn a_child_that_was_waited_for_before_its_pipe_was_read_loses_nothing() {
    for via in [Via::Fd, Via::Stdin] {
        let outcome = within(async {
            let scenario = scenario("order").arg(2).arg(100);
            let mut running = scenario.start_as(|spawn| spawn.filter("info").via(via).grace(SHORT));
            running.child.wait().await.expect("a status");
            running.finish().await
        });
        outcome.assert_complete();
        assert_eq!(outcome.records.len(), 200);
        assert_eq!(number(&outcome.records[0], "n"), 0);
    }
}
