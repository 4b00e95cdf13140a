//! Processes with the same pid that differ by their instance.

use pipe_subscriber::StreamEnd;
use record_proto::{Close, Dropped, Hello, Levels};

use crate::support::{self, Stream, sums};

/// A process with pid 1, as the first process of every PID namespace has it, and this instance.
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
async fn two_processes_of_one_pid_have_an_account_each_in_any_order_of_frames() {
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

    // A writer with the same pid and no instance is another process.
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
    // Not 9, as the close frame says: its counts were read while other threads dropped records.
    assert_eq!(sums(&summary), (0, 10, 0));
}
