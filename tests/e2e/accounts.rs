//! The counters of received, dropped and missing records of each process, and the limits of what a reader keeps.

use pipe_subscriber::StreamEnd;
use record_proto::{Encode, Levels, split};

use crate::{
    raw::{Stream, assert_figures, child_that_writes, close, dropped, hello, record},
    support::scenario,
};

#[test]
fn what_is_missing_is_what_was_counted_and_neither_came_nor_was_reported() {
    let sent = |payloads: Stream| child_that_writes(payloads.0).summary;
    let two = || {
        Stream::default()
            .and(&hello(7))
            .and(&record(7, 1))
            .and(&record(7, 5))
    };

    assert_figures(&sent(two()), 2, 0, 3, StreamEnd::Eof);
    assert_figures(
        &sent(two().and(&dropped(7, [0, 0, 2, 0, 0]))),
        2,
        2,
        1,
        StreamEnd::Eof,
    );
    assert_figures(&sent(two().and(&close(7, 5, 0))), 2, 0, 3, StreamEnd::Clean);
    assert_figures(&sent(two().and(&close(7, 6, 2))), 2, 2, 4, StreamEnd::Clean);
    // The log calls of numbers that were taken but not counted as sent had not returned.
    let summary = sent(two().and(&close(7, 2, 0)));
    assert_figures(&summary, 2, 0, 0, StreamEnd::Clean);
    assert_eq!(summary.in_flight, 3);
    // `dropped` is the larger one of the reports and the close.
    let more = two().and(&dropped(7, [1, 1, 1, 0, 0])).and(&close(7, 2, 1));
    let summary = sent(more);
    assert_figures(&summary, 2, 3, 0, StreamEnd::Clean);
    assert_eq!(summary.dropped_by_level, Levels([1, 1, 1, 0, 0]));
    // Never below 0, in any order and any number of frames.
    let odd = two()
        .and(&record(7, 3))
        .and(&record(7, 2))
        .and(&record(7, 2))
        .and(&close(7, 0, 0));
    assert_figures(&sent(odd.and(&record(7, 4))), 6, 0, 0, StreamEnd::Clean);
}

#[test]
fn each_process_has_its_account_and_all_must_close_for_a_clean_end() {
    let both = Stream::default()
        .and(&hello(7))
        .and(&record(7, 1))
        .and(&hello(8))
        .and(&record(8, 2));
    let one = Stream(both.0.clone()).and(&close(7, 1, 0));
    assert_figures(
        &child_that_writes(one.0.clone()).summary,
        2,
        0,
        1,
        StreamEnd::Eof,
    );
    let all = child_that_writes(one.and(&close(8, 2, 0)).0).summary;
    assert_figures(&all, 2, 0, 1, StreamEnd::Clean);
    let accounts: Vec<_> = all
        .processes
        .iter()
        .map(|p| (p.pid, p.received, p.missing))
        .collect();
    assert_eq!(accounts, [(Some(7), 1, 0), (Some(8), 1, 1)]);

    // After a second hello the same pid is another process.
    let again = Stream(both.0).and(&close(7, 1, 0)).and(&close(8, 2, 0));
    let again = again.and(&hello(7)).and(&record(7, 1)).and(&record(7, 2));
    let summary = child_that_writes(again.0).summary;
    assert_figures(&summary, 4, 0, 1, StreamEnd::Eof);
    assert_eq!(summary.processes.len(), 3);
}

#[test]
fn records_without_a_pid_share_one_account() {
    let anonymous = |seq| {
        let mut record = record(0, seq);
        record.pid = None;
        record
    };
    let mut end = close(0, 3, 0);
    end.pid = None;
    let stream = Stream::default()
        .and(&anonymous(1))
        .and(&anonymous(3))
        .and(&end);
    let outcome = child_that_writes(stream.0);
    assert_figures(&outcome.summary, 2, 0, 1, StreamEnd::Clean);
    assert_eq!(outcome.summary.processes[0].pid, None);
}

#[test]
fn a_thousand_and_more_processes_are_still_added_up() {
    let mut stream = Stream::default();
    for pid in 1..=3_000 {
        stream = stream
            .and(&hello(pid))
            .and(&record(pid, 2))
            .and(&close(pid, 1, 1));
    }
    let outcome = child_that_writes(stream.0);
    assert_figures(&outcome.summary, 3_000, 3_000, 0, StreamEnd::Clean);
    assert_eq!(
        outcome.summary.processes.len(),
        1_024,
        "the rest is in the sums only"
    );
}

#[test]
fn records_in_fragments_may_interleave_and_those_that_exceed_the_limit_are_missing() {
    let interleaved = |records: u64, size: usize| {
        let payloads: Vec<Vec<u8>> = (1..=records)
            .map(|seq| {
                let mut record = record(7, seq);
                record.message = "x".repeat(size).into();
                let mut payload = Vec::new();
                record.encode(&mut payload);
                payload
            })
            .collect();
        let all: Vec<Vec<_>> = payloads
            .iter()
            .zip(100..)
            .map(|(payload, stream)| split(payload, Some(7), stream, 4_096).collect())
            .collect();
        let mut stream = Stream::default().and(&hello(7));
        for index in 0..all[0].len() {
            for fragments in &all {
                stream = stream.and(&fragments[index]);
            }
        }
        child_that_writes(stream.and(&close(7, records, 0)).0).summary
    };
    assert_figures(&interleaved(10, 200_000), 10, 0, 0, StreamEnd::Clean);

    let summary = interleaved(40, 200_000);
    assert_eq!(summary.received + summary.missing, 40, "{summary}");
    assert_eq!(summary.evicted, summary.missing, "{summary}");
    assert!(
        summary.missing >= 40 - 20,
        "4 MiB hold 20 of them: {summary}"
    );
    assert!(summary.received >= 1, "{summary}");
    assert!(!summary.reasons.is_empty(), "with a reason");
    assert_eq!(
        (summary.malformed, summary.end),
        (0, StreamEnd::Clean),
        "{summary}"
    );
}

#[test]
fn a_record_begun_anew_discards_what_was_open_and_one_left_open_is_incomplete() {
    let mut payload = Vec::new();
    let mut large = record(7, 2);
    large.message = "x".repeat(10_000).into();
    large.encode(&mut payload);
    let fragments: Vec<_> = split(&payload, Some(7), 5, 4_096).collect();
    // Two pieces of a record that is given up, then a whole record, then one that never ends.
    let begun = Stream::default().and(&hello(7));
    let mut stream = begun.and(&fragments[0]).and(&fragments[1]);
    for fragment in &fragments {
        stream = stream.and(fragment);
    }
    let outcome = child_that_writes(stream.and(&fragments[0]).and(&close(7, 3, 0)).0);
    assert_figures(&outcome.summary, 1, 0, 2, StreamEnd::Clean);
    assert_eq!(
        (outcome.summary.incomplete, outcome.summary.malformed),
        (1, 0)
    );
    assert_eq!(outcome.records[0].message.len(), 10_000);
}

#[test]
fn what_a_child_sends_costs_its_parent_a_bounded_amount_of_memory() {
    let (status, said, _) = scenario("parent-memory").arg(40).run_alone();
    assert!(status.success(), "{status}");
    let numbers: Vec<u64> = said
        .split_whitespace()
        .map(|n| n.parse().expect("a number"))
        .collect();
    let [kibibytes, evicted] = numbers[..] else {
        panic!("{said}");
    };
    assert!(evicted > 0, "it was too much");
    // 4 MiB of fragments and 256 KiB of buffers, with room for the overhead of the allocator.
    assert!(kibibytes < 16 * 1024, "{kibibytes} KiB for 40 MiB");
}
