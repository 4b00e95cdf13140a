//! The counters of a summary: received, dropped and missing, by process.

use log::Level;
use pipe_subscriber::StreamEnd;
use record_proto::{Close, Encode};

use crate::support::{Stream, sums};

#[tokio::test]
async fn a_process_whose_close_matches_its_records_is_complete() {
    let stream = Stream::default().hello(7).records(7, 1..=5).close(7, 5, 0);
    let summary = stream.summary().await;

    assert_eq!(sums(&summary), (5, 0, 0));
    assert_eq!(summary.end, StreamEnd::Clean);
    assert!(summary.is_complete());
    let [process] = &summary.processes[..] else {
        panic!("{summary:?}")
    };
    assert_eq!((process.pid, process.incarnation), (Some(7), 1));
    assert_eq!(process.process.as_deref(), Some("worker"));
    assert!(process.closed);
}

#[tokio::test]
async fn a_gap_in_the_seqs_is_missing_in_any_order_of_arrival() {
    let stream = Stream::default().hello(7).records(7, [9, 2, 1, 5]);
    assert_eq!(sums(&stream.summary().await), (4, 0, 5));
}

#[tokio::test]
async fn records_sent_after_the_last_one_that_arrived_are_missing() {
    let stream = Stream::default().hello(7).records(7, 1..=3).close(7, 10, 2);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (3, 2, 7));
    assert_eq!(summary.end, StreamEnd::Clean);
    assert!(!summary.is_complete());
}

#[tokio::test]
async fn drops_are_summed_and_never_less_than_the_close_says() {
    let stream = Stream::default()
        .hello(7)
        .dropped(7, [1, 0, 2, 0, 0])
        .record(7, 4)
        .dropped(7, [0, 0, 0, 0, 3]);
    let open = stream.summary().await;
    assert_eq!(sums(&open), (1, 6, 0));
    assert_eq!(open.dropped_by_level.of(Level::Error), 1);
    assert_eq!(open.dropped_by_level.of(Level::Info), 2);
    assert_eq!(open.dropped_by_level.of(Level::Trace), 3);

    let less = stream.clone().close(7, 1, 5).summary().await;
    assert_eq!(sums(&less), (1, 6, 0));
    let more = stream.clone().close(7, 1, 8).summary().await;
    assert_eq!(sums(&more), (1, 8, 0));
    assert_eq!(more.dropped_by_level.total(), 6);
}

#[tokio::test]
async fn records_that_were_held_back_are_counted_by_themselves() {
    let mut close = Close::new();
    (close.pid, close.sent, close.held_back) = (Some(7), 2, 12);
    let mut payload = Vec::new();
    close.encode(&mut payload);
    let stream = Stream::default().hello(7).records(7, 1..=2);
    let summary = stream.payload(&payload).summary().await;

    assert_eq!(sums(&summary), (2, 0, 0));
    assert_eq!(
        (summary.held_back, summary.processes[0].held_back),
        (12, 12)
    );
    assert!(summary.is_complete());
    assert_eq!(summary.to_string(), "12 held back, 2 records received");
}

#[tokio::test]
async fn a_later_close_replaces_an_earlier_one_and_records_may_follow_it() {
    let stream = Stream::default()
        .hello(7)
        .close(7, 100, 0)
        .records(7, 1..=3)
        .close(7, 2, 0)
        .record(7, 4);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (4, 0, 0));
    assert_eq!(summary.end, StreamEnd::Clean);
}

#[tokio::test]
async fn processes_are_counted_each_for_itself() {
    let stream = Stream::default()
        .hello(1)
        .hello(2)
        .record(1, 1)
        .record(2, 1)
        .record(1, 4)
        .record(2, 2)
        .close(2, 2, 0);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (4, 0, 2));
    let missing: Vec<_> = summary
        .processes
        .iter()
        .map(|p| (p.pid, p.missing))
        .collect();
    assert_eq!(missing, [(Some(1), 2), (Some(2), 0)]);
    assert_eq!(summary.end, StreamEnd::Eof, "process 1 did not close");
}

#[tokio::test]
async fn a_hello_begins_a_new_process_of_the_same_number() {
    let stream = Stream::default()
        .hello(7)
        .records(7, 1..=3)
        .close(7, 3, 0)
        .hello(7)
        .records(7, 1..=2)
        .close(7, 2, 0);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (5, 0, 0));
    assert_eq!(summary.end, StreamEnd::Clean);
    let each: Vec<_> = summary
        .processes
        .iter()
        .map(|p| (p.incarnation, p.received))
        .collect();
    assert_eq!(each, [(1, 3), (2, 2)]);
}

#[tokio::test]
async fn records_before_any_hello_are_a_process_of_their_own_and_it_never_closes() {
    let stream = Stream::default()
        .record(7, 1)
        .hello(7)
        .record(7, 1)
        .close(7, 1, 0);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (2, 0, 0));
    assert_eq!(summary.processes.len(), 2);
    assert_eq!(summary.end, StreamEnd::Eof);
}

#[tokio::test]
async fn a_close_or_drops_alone_make_a_process_known() {
    let close = Stream::default().close(7, 3, 1).summary().await;
    assert_eq!(sums(&close), (0, 1, 3));
    assert_eq!(close.end, StreamEnd::Clean);

    let dropped = Stream::default()
        .dropped(7, [0, 1, 0, 0, 0])
        .summary()
        .await;
    assert_eq!(sums(&dropped), (0, 1, 0));
    assert_eq!((dropped.processes.len(), dropped.end), (1, StreamEnd::Eof));
}

#[tokio::test]
async fn records_without_a_pid_share_one_account() {
    let hello = record_proto::Hello::new();
    let stream = Stream::default()
        .frame(&hello)
        .record(None, 1)
        .frame(&hello)
        .record(None, 2)
        .close(None, 2, 0);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (2, 0, 0));
    assert_eq!(summary.processes.len(), 1);
    assert_eq!(summary.end, StreamEnd::Clean);
}

#[tokio::test]
async fn records_that_nobody_counted_are_received_and_nothing_else() {
    let stream = Stream::default().record(7, 0).record(7, 0);
    assert_eq!(sums(&stream.summary().await), (2, 0, 0));
}

#[tokio::test]
async fn figures_beyond_64_bits_overflow_nothing() {
    let most = u64::MAX;
    let stream = Stream::default()
        .record(1, most)
        .dropped(1, [most; 5])
        .dropped(1, [most; 5])
        .close(1, most, most)
        .record(2, most)
        .close(2, most, most)
        .close(3, most, 5)
        .close(4, most, 0)
        .hello(most);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (2, most, most));
    let missing: Vec<_> = summary.processes.iter().map(|p| p.missing).collect();
    assert_eq!(missing, [0, 0, most - 5, most, 0]);
    assert_eq!(summary.dropped_by_level.0, [most; 5]);
}

#[tokio::test]
async fn closed_processes_make_room_first_and_stay_in_the_sums() {
    let mut stream = Stream::default()
        .hello(1)
        .record(1, 1)
        .hello(2)
        .records(2, [1, 3]);
    for pid in 10..3010 {
        stream = stream.hello(pid).record(pid, 2).close(pid, 2, 0);
    }
    let summary = stream
        .record(1, 2)
        .close(1, 2, 0)
        .close(2, 3, 0)
        .summary()
        .await;

    assert_eq!(sums(&summary), (3004, 0, 3001));
    assert_eq!(summary.processes.len(), 1024);
    assert_eq!(summary.folded_processes, 3002 - 1024);
    assert_eq!(summary.processes[0].pid, Some(1));
    assert_eq!(summary.processes[1].pid, Some(2));
    assert_eq!(summary.end, StreamEnd::Clean);
    assert_eq!(summary.reasons.len(), 1);
}

#[tokio::test]
async fn without_a_closed_one_the_process_that_was_silent_longest_makes_room() {
    let mut stream = Stream::default();
    for pid in 0..1152 {
        stream = stream.hello(pid).record(pid, 1);
    }
    // Process 0 sends another record, so that the last frame of process 1 is the oldest. 128 processes make room at once.
    let stream = stream.record(0, 2).hello(5000);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (1153, 0, 0));
    let pids: Vec<_> = summary.processes.iter().take(2).map(|p| p.pid).collect();
    assert_eq!(pids, [Some(0), Some(130)]);
    assert_eq!(summary.end, StreamEnd::Eof);

    // When process 1 goes on, the thousand records before its new account are not missing, and the new gap is 1.
    let later = stream
        .records(1, (1001..=1010).filter(|&seq| seq != 1005))
        .close(1, 1007, 3);
    let summary = later.summary().await;
    assert_eq!(sums(&summary), (1162, 0, 1));

    // All remaining accounts have closed, but the folded account of process 1 had not.
    let all = (0..1152).chain([5000]);
    let closed = all.fold(later, |stream, pid| stream.close(pid, 1, 0));
    assert_eq!(closed.summary().await.end, StreamEnd::Eof);
}

#[tokio::test]
async fn a_process_keeps_its_first_name_cut_to_a_bound() {
    let mut record = crate::support::record(7, 1);
    record.process = Some("ü".repeat(1000).into());
    let stream = Stream::default().frame(&record).record(7, 2);
    let summary = stream.summary().await;
    assert_eq!(summary.processes[0].process, Some("ü".repeat(127)));
}

#[tokio::test]
async fn calls_that_had_not_returned_at_an_orderly_end_are_in_flight_and_not_missing() {
    // Four threads log while the process exits. Numbers 6, 8 and 9 were taken by calls that never finished.
    let stream = Stream::default()
        .hello(7)
        .records(7, 1..=4)
        .close(7, 4, 0)
        .records(7, [5, 7, 10]);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (7, 0, 0));
    assert_eq!((summary.in_flight, summary.end), (3, StreamEnd::Clean));
    assert!(summary.is_complete());
    assert_eq!(summary.to_string(), "3 calls in flight, 7 records received");

    // A record whose call had returned before the close is missing nevertheless.
    let stream = Stream::default()
        .hello(7)
        .records(7, [1, 2, 4])
        .close(7, 4, 0)
        .records(7, [5, 7]);
    let summary = stream.summary().await;
    assert_eq!((sums(&summary), summary.in_flight), ((5, 0, 1), 1));
    assert!(!summary.is_complete());
}
