//! A parent that reads slowly or not at all: each policy keeps its promise, and the counters are exact.

use log::Level;
use pipe_subscriber::{Levels, StreamEnd};
use record_proto::Payload;

use crate::support::{Outcome, Running, Tape, number, pattern, piped, scenario, within};

/// Returns the numbers in the next line of the child's stdout.
async fn told(running: &mut Running) -> Vec<u64> {
    let line = running.talk.line().await;
    line.split(' ')
        .map(|number| number.parse().expect("a number"))
        .collect()
}

#[test]
fn a_child_that_waits_loses_nothing_once_the_parent_reads() {
    for policy in ["block", "patiently"] {
        let outcome = within(async {
            let mut running = scenario("stall").arg(policy).arg(5_000).start();
            assert_eq!(running.talk.line().await, "full");
            running.finish().await
        });
        outcome.assert_complete();
        let numbers: Vec<u64> = outcome.records.iter().map(|r| number(r, "n")).collect();
        assert_eq!(numbers, (0..5_000).collect::<Vec<_>>(), "{policy}");
    }
}

/// Drops are reported by level before the next record that arrives, and the counters add up.
fn drops_are_reported_in_band(policy: &str) {
    let tape = Tape::default();
    let (outcome, told) = within(async {
        let mut running = piped("drop").arg(policy).start();
        running.logs = running.logs.tee(tape.clone());
        let told = told(&mut running).await;
        running.talk.go().await;
        (running.finish().await, told)
    });
    let [logged, too_soon, by_level @ ..] = &told[..] else {
        panic!("{told:?}");
    };
    let by_level = Levels(by_level.try_into().expect("five levels"));
    assert_eq!(
        *too_soon, 0,
        "a log call waits as long as it may before it drops"
    );
    assert!(outcome.status.success());
    let summary = &outcome.summary;
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
    assert_eq!((summary.dropped, summary.missing), (50, 0), "{summary}");
    assert_eq!(summary.received + summary.dropped, logged + 2, "{summary}");
    assert_eq!(summary.dropped_by_level, by_level);
    assert_eq!(
        (summary.malformed, summary.unknown),
        (0, 0),
        "{summary}: {:?}",
        summary.reasons
    );

    let frames = tape.frames();
    let payloads: Vec<_> = frames
        .iter()
        .map(|frame| frame.decode().expect("a payload"))
        .collect();
    let is_after = |payload: &Payload<'_>| match payload {
        Payload::Record(record) => record.message == "after",
        _ => false,
    };
    let after = payloads
        .iter()
        .position(is_after)
        .expect("the record after the drops");
    let mut told = Levels::default();
    for payload in &payloads[..after] {
        if let Payload::Dropped(dropped) = payload {
            told.add(&dropped.counts);
        }
    }
    assert_eq!(told, by_level, "all is told before that record");
    let close = payloads.last().expect("a close");
    assert!(
        matches!(close, Payload::Close(close) if close.dropped == 50),
        "{close:?}"
    );
    assert!(
        payloads[after..]
            .iter()
            .all(|p| !matches!(p, Payload::Dropped(_))),
        "and only once"
    );
}

#[test]
fn drop_newest_reports_what_it_dropped_before_the_next_record() {
    drops_are_reported_in_band("drop");
}

#[test]
fn block_for_drops_after_its_time_and_reports_it() {
    drops_are_reported_in_band("briefly");
}

#[test]
fn levels_that_are_exempt_are_never_dropped() {
    let outcome = within(async {
        let mut running = scenario("exempt").start();
        assert_eq!(running.talk.line().await, "full");
        running.finish().await
    });
    assert!(outcome.status.success());
    for (level, size) in [(Level::Error, 300), (Level::Warn, 8_000)] {
        let own = outcome
            .records
            .iter()
            .filter(|record| record.level == level);
        let numbers: Vec<u64> = own.clone().map(|record| number(record, "n")).collect();
        assert_eq!(numbers, (0..200).collect::<Vec<_>>(), "{level}");
        assert!(
            own.clone().all(|record| record.message.len() > size),
            "whole"
        );
    }
    let summary = &outcome.summary;
    let Levels([error, warn, info, ..]) = summary.dropped_by_level;
    assert_eq!((error, warn), (0, 0), "{summary}");
    assert!(info > 0, "{summary}");
    assert_eq!(
        (summary.missing, summary.end),
        (0, StreamEnd::Clean),
        "{summary}"
    );
}

/// The parent reads as fast as it can. The last record has the number of records.
#[track_caller]
fn assert_adds_up(outcome: &Outcome, logged: u64) {
    assert!(outcome.status.success());
    let summary = &outcome.summary;
    let last = outcome.records.last().expect("a record");
    assert_eq!(number(last, "logged"), logged);
    assert_eq!(
        (summary.missing, summary.end),
        (0, StreamEnd::Clean),
        "{summary}"
    );
    assert_eq!(
        (summary.malformed, summary.unknown),
        (0, 0),
        "{summary}: {:?}",
        summary.reasons
    );
    assert_eq!(summary.received + summary.dropped, logged + 1, "{summary}");
    assert_eq!(
        summary.dropped_by_level.total(),
        summary.dropped,
        "{summary}"
    );
    for record in &outcome.records[..outcome.records.len() - 1] {
        let size = record.message.len();
        assert!(
            record.message == pattern(size, size),
            "{size} bytes are whole"
        );
    }
}

#[test]
fn under_a_flood_from_four_threads_what_arrives_and_what_is_dropped_add_up() {
    // The last number is the length of the longest message: within a frame, and in fragments.
    for (threads, records, longest) in [(4, 10_000, 300), (4, 500, 30_000)] {
        let flood = |policy| {
            let scenario = scenario("flood").arg(policy).arg(threads);
            scenario.arg(records).arg(longest).run()
        };
        assert_adds_up(&flood("drop"), threads * records);
        let blocking = flood("block");
        assert_adds_up(&blocking, threads * records);
        blocking.assert_complete();
    }
}

#[test]
fn a_process_that_ends_with_a_full_pipe_waits_for_room_and_closes() {
    let (outcome, told) = within(async {
        let mut running = scenario("exit-when-full").arg(1_000_000).start();
        let told = told(&mut running).await;
        (running.finish().await, told)
    });
    assert!(outcome.status.success());
    let summary = &outcome.summary;
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
    assert_eq!([summary.received, summary.dropped], told[..], "{summary}");
    assert_eq!(summary.missing, 0, "{summary}");
}

#[test]
fn a_process_that_finds_no_room_within_its_exit_timeout_ends_without_a_close() {
    let (outcome, told) = within(async {
        let mut running = piped("exit-when-full").arg(1).start();
        let told = told(&mut running).await;
        running.child.wait().await.expect("a status");
        (running.finish().await, told)
    });
    assert!(outcome.status.success());
    let summary = &outcome.summary;
    assert_eq!(summary.end, StreamEnd::Eof, "{summary}");
    assert_eq!(
        summary.received, told[0],
        "all that was sent is here: {summary}"
    );
    assert_eq!(
        summary.missing, 0,
        "what came without a gap shows none: {summary}"
    );
    assert_eq!(summary.unclosed, 1);
    assert!(
        summary
            .to_string()
            .contains("1 process did not close and may have logged more"),
        "what was dropped at the end is unknown: {summary}"
    );
}

#[test]
fn drops_have_their_levels_even_if_a_thread_was_about_to_report_them_at_the_exit() {
    let (outcome, told) = within(async {
        let mut running = scenario("exit-while-a-report-waits").start();
        let told = told(&mut running).await;
        running.child.wait().await.expect("a status");
        (running.finish().await, told)
    });
    let summary = &outcome.summary;
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
    assert_eq!([summary.dropped], told[..], "{summary}");
    assert_eq!(summary.dropped_by_level.of(Level::Info), told[0]);
    // The thread's own record had a number and found no room.
    assert_eq!((summary.missing, summary.in_flight), (0, 0), "{summary}");
}

#[test]
fn records_and_panics_before_there_was_room_for_hello_are_counted() {
    let outcome = within(async {
        let mut running = piped("panic-when-full").start();
        assert_eq!(running.talk.line().await, "2", "one record and one panic");
        running.talk.go().await;
        running.finish().await
    });
    assert!(outcome.status.success());
    let summary = &outcome.summary;
    assert_eq!(outcome.messages(), ["after"]);
    assert_eq!((summary.dropped, summary.missing), (2, 0), "{summary}");
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
}
