//! What a summary counts, and for whom.

use log::Level;
use pipe_subscriber::{StreamEnd, Summary};
use record_proto::{Close, Dropped, Hello, Levels};

use crate::support::{self, Stream};

/// Received, dropped and missing.
fn sums(summary: &Summary) -> (u64, u64, u64) {
    (summary.received, summary.dropped, summary.missing)
}

#[tokio::test]
async fn a_process_that_says_all_it_sent_is_complete() {
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
async fn a_gap_in_the_seqs_is_missing_in_whatever_order_they_came() {
    let stream = Stream::default().hello(7).records(7, [9, 2, 1, 5]);
    assert_eq!(sums(&stream.summary().await), (4, 0, 5));
}

#[tokio::test]
async fn what_was_sent_behind_the_last_record_that_arrived_is_missing() {
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
    for pid in 0..1024 {
        stream = stream.hello(pid).record(pid, 1);
    }
    // Process 0 speaks again, so that process 1 is the most silent one.
    let stream = stream.record(0, 2).hello(5000);
    let summary = stream.summary().await;
    assert_eq!(sums(&summary), (1025, 0, 0));
    let pids: Vec<_> = summary.processes.iter().take(2).map(|p| p.pid).collect();
    assert_eq!(pids, [Some(0), Some(2)]);
    assert_eq!(summary.end, StreamEnd::Eof);

    // When it goes on, what it sent before is no news of a thousand missing records, and a new gap is one of one.
    let later = stream
        .records(1, (1001..=1010).filter(|&seq| seq != 1005))
        .close(1, 1007, 3);
    let summary = later.summary().await;
    assert_eq!(sums(&summary), (1034, 0, 1));

    // All accounts that are left have closed, and what became of the other is unknown.
    let all = (0..1024).chain([5000]);
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
async fn a_summary_is_one_line_and_one_object() {
    let stream = Stream::default()
        .hello(7)
        .dropped(7, [0, 0, 2, 0, 0])
        .close(7, 1, 2);
    let summary = stream.summary().await;
    assert_eq!(
        summary.to_string(),
        "1 missing, 2 dropped (info 2), no records received"
    );

    let object = serde_json::to_value(&summary).unwrap();
    let expected = serde_json::json!({
        "received": 0,
        "dropped": 2,
        "dropped_by_level": {"error": 0, "warn": 0, "info": 2, "debug": 0, "trace": 0},
        "missing": 1,
        "in_flight": 0,
        "unclosed": 0,
        "malformed": 0,
        "unknown": 0,
        "incomplete": 0,
        "evicted": 0,
        "logger_panics": 0,
        "newer_version": null,
        "reasons": [],
        "processes": [{
            "pid": 7, "instance": null, "incarnation": 1, "process": "worker",
            "received": 0, "dropped": 2, "missing": 1, "in_flight": 0, "closed": true,
        }],
        "folded_processes": 0,
        "end": "clean",
        "exit_status": null,
    });
    assert_eq!(object, expected);
}

/// A session of process 1, as every first process of a PID namespace is.
#[derive(Clone, Copy)]
struct Session(u32);

impl Session {
    fn hello(self, stream: Stream) -> Stream {
        let mut hello = Hello::new();
        (hello.pid, hello.instance) = (Some(1), Some(self.0));
        stream.frame(&hello)
    }

    fn record(self, stream: Stream, seq: u64) -> Stream {
        let mut record = support::record(1, seq);
        record.instance = Some(self.0);
        stream.frame(&record)
    }

    fn dropped(self, stream: Stream, counts: [u64; 5]) -> Stream {
        let mut dropped = Dropped::new();
        (dropped.pid, dropped.instance) = (Some(1), Some(self.0));
        dropped.counts = Levels(counts);
        stream.frame(&dropped)
    }

    fn close(self, stream: Stream, sent: u64, levels: [u64; 5]) -> Stream {
        let mut close = Close::new();
        (close.pid, close.instance) = (Some(1), Some(self.0));
        (close.sent, close.dropped) = (sent, Levels(levels).total());
        close.dropped_by_level = Some(Levels(levels));
        stream.frame(&close)
    }
}

#[tokio::test]
async fn two_processes_of_one_pid_have_an_account_each_in_whatever_order_they_speak() {
    let (a, b) = (Session(0xa), Session(0xb));
    let mut stream = b.hello(a.hello(Stream::default()));
    for seq in 1..=5 {
        stream = b.record(a.record(stream, seq), seq);
    }
    stream = a.record(stream, 7);
    let summary = b
        .close(a.close(stream, 7, [0; 5]), 6, [0; 5])
        .summary()
        .await;
    let each: Vec<_> = summary
        .processes
        .iter()
        .map(|p| (p.instance, p.incarnation, p.received, p.missing))
        .collect();
    assert_eq!(each, [(Some(0xa), 1, 6, 1), (Some(0xb), 2, 5, 1)]);
    assert_eq!(summary.end, StreamEnd::Clean);
    let object = serde_json::to_value(&summary).unwrap();
    assert_eq!(object["processes"][1]["instance"], "0000000b");
}

#[tokio::test]
async fn a_session_has_one_account_however_late_or_often_it_says_hello() {
    let a = Session(7);
    let stream = a.hello(a.record(a.record(Stream::default(), 1), 2));
    let stream = a.record(a.hello(stream), 3);
    let summary = a.close(stream, 3, [0; 5]).summary().await;
    assert_eq!(sums(&summary), (3, 0, 0));
    assert_eq!(
        (summary.processes.len(), summary.end),
        (1, StreamEnd::Clean)
    );

    // A writer that does not tell its instance is another one.
    let both = a.record(Stream::default().hello(1).record(1, 1), 1);
    assert_eq!(both.summary().await.processes.len(), 2);
}

#[tokio::test]
async fn an_account_that_opens_with_a_record_has_no_gap_before_it() {
    let a = Session(7);
    let stream = a.record(a.record(Stream::default(), 1000), 1002);
    assert_eq!(sums(&stream.clone().summary().await), (2, 0, 1));
    let stream = a.hello(a.record(stream, 1003));
    assert_eq!(sums(&stream.summary().await), (3, 0, 1));
}

#[tokio::test]
async fn drops_by_level_are_never_less_than_the_close_says() {
    let a = Session(7);
    let stream = a.dropped(a.hello(Stream::default()), [0, 3, 0, 0, 1]);
    let summary = a.close(stream, 0, [1, 2, 5, 0, 1]).summary().await;
    assert_eq!(summary.dropped_by_level.0, [1, 3, 5, 0, 1]);
    assert_eq!(sums(&summary), (0, 9, 0));
}

#[tokio::test]
async fn calls_that_had_not_returned_at_an_orderly_end_are_in_flight_and_not_missing() {
    // Four threads log while the process exits: numbers 6, 8 and 9 were taken by calls that never came to an end.
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

    // One that had returned before the close is missing all the same.
    let stream = Stream::default()
        .hello(7)
        .records(7, [1, 2, 4])
        .close(7, 4, 0)
        .records(7, [5, 7]);
    let summary = stream.summary().await;
    assert_eq!((sums(&summary), summary.in_flight), ((5, 0, 1), 1));
    assert!(!summary.is_complete());
}

#[tokio::test]
async fn an_end_without_a_close_says_that_more_may_have_been_logged() {
    let stream = Stream::default().hello(7).records(7, 1..=2).hello(8);
    let summary = stream.clone().summary().await;
    assert_eq!((summary.unclosed, summary.end), (2, StreamEnd::Eof));
    let said = summary.to_string();
    assert_eq!(
        said,
        "2 processes did not close and may have logged more, 2 records received"
    );
    let summary = stream.close(7, 2, 0).close(8, 0, 0).summary().await;
    assert_eq!((summary.unclosed, summary.end), (0, StreamEnd::Clean));
    assert_eq!(summary.to_string(), "all 2 records received");
}

#[tokio::test]
async fn a_summary_says_what_is_not_as_it_should_be_the_worst_first_and_nothing_else() {
    let line = |stream: Stream| async move { stream.summary().await.to_string() };
    assert_eq!(line(Stream::default()).await, "no records received");
    let whole = |count| {
        Stream::default()
            .hello(7)
            .records(7, 1..=count)
            .close(7, count, 0)
    };
    assert_eq!(line(whole(1)).await, "1 record received");
    assert_eq!(line(whole(999)).await, "all 999 records received");
    assert_eq!(line(whole(1_234)).await, "all 1,234 records received");

    let lossy = Stream::default()
        .hello(7)
        .records(7, 1..=2)
        .payload(&[])
        .payload(&[9, 0x90])
        .dropped(7, [0, 1_000, 2, 0, 0])
        .close(7, 5, 1_002);
    assert_eq!(
        line(lossy.clone()).await,
        "3 missing, 1,002 dropped (warn 1,000, info 2), 1 malformed, 1 of unknown kinds, 2 records received"
    );
    let cut = Stream(lossy.0[..lossy.0.len() - 1].to_vec());
    assert!(line(cut).await.starts_with(
        "the stream ends inside a frame, 1 process did not close and may have logged more, "
    ));
}

#[tokio::test]
async fn a_summary_says_how_the_child_ended_if_it_is_told() {
    let summary = Stream::default().hello(7).close(7, 0, 0).summary().await;
    let status = |program: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", program]).status().unwrap()
    };
    let exited = summary.clone().with_exit_status(status("exit 3"));
    assert_eq!(exited.to_string(), "no records received, exit status: 3");
    let object = serde_json::to_value(&exited).unwrap();
    assert_eq!(object["exit_status"], serde_json::json!({"code": 3}));
    let killed = summary.with_exit_status(status("kill -9 $$"));
    assert_eq!(
        killed.to_string(),
        "no records received, signal: 9 (SIGKILL)"
    );
    let object = serde_json::to_value(&killed).unwrap();
    assert_eq!(object["exit_status"], serde_json::json!({"signal": 9}));
}
