//! Records in fragments.

use log::Level;
use pipe_subscriber::{LogRecord, StreamEnd};
use record_proto::{Close, Encode, Fragment, Value, split};

use crate::support::{Stream, record, within};

fn payload_of(record: &LogRecord<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    record.encode(&mut payload);
    payload
}

fn long_record(seq: u64, length: usize) -> LogRecord<'static> {
    let mut record = LogRecord::new(Level::Warn, "worker", "x".repeat(length));
    record.pid = Some(7);
    record.seq = seq;
    record
}

fn pieces(payload: &[u8], stream: u64) -> Vec<Fragment<'_>> {
    split(payload, Some(7), stream, 4096).collect()
}

#[tokio::test]
async fn a_record_in_fragments_arrives_whole_beside_others() {
    let (one, two) = (
        payload_of(&long_record(1, 10_000)),
        payload_of(&long_record(2, 9_000)),
    );
    let mut stream = Stream::default().hello(7);
    for (one, two) in pieces(&one, 11).iter().zip(&pieces(&two, 22)) {
        stream = stream.frame(one).frame(two);
    }
    let stream = stream.record(7, 3).close(7, 3, 0);

    let mut lengths = Vec::new();
    let run = stream
        .subscriber()
        .run_with(|record| lengths.push(record.message.len()));
    let summary = within(run).await.unwrap();
    assert!(summary.is_complete(), "{summary:?}");
    assert_eq!(lengths, [10_000, 9_000, 8]);
}

#[tokio::test]
async fn an_unfinished_record_is_incomplete_and_missing_once_its_seq_is_known() {
    let payload = payload_of(&long_record(1, 10_000));
    let stream = Stream::default()
        .hello(7)
        .frame(&pieces(&payload, 11)[0])
        .record(7, 2);
    let summary = stream.summary().await;
    assert_eq!((summary.received, summary.missing), (1, 1));
    assert_eq!((summary.incomplete, summary.malformed), (1, 0));

    let closed = stream.close(7, 2, 0).summary().await;
    assert_eq!(closed.end, StreamEnd::Clean);
    assert!(!closed.is_complete());
}

#[tokio::test]
async fn fragments_that_do_not_follow_are_malformed() {
    let payload = payload_of(&long_record(1, 20_000));
    let pieces = pieces(&payload, 11);
    let no_start = Stream::default().frame(&pieces[1]).summary().await;
    assert_eq!(no_start.malformed, 1);
    let gap = Stream::default()
        .frame(&pieces[0])
        .frame(&pieces[2])
        .summary()
        .await;
    assert_eq!((gap.malformed, gap.incomplete), (1, 0));
    assert_eq!(
        gap.reasons,
        ["fragment 2 came when 1 was due; its record is given up"]
    );
}

#[tokio::test]
async fn only_whole_records_may_come_in_fragments() {
    let mut close = Vec::new();
    Close::new().encode(&mut close);
    let mut garbage = payload_of(&long_record(1, 10_000));
    garbage.truncate(9_000);
    for payload in [close, garbage] {
        let mut stream = Stream::default().hello(7);
        for piece in pieces(&payload, 11) {
            stream = stream.frame(&piece);
        }
        let summary = stream.summary().await;
        assert_eq!((summary.malformed, summary.received), (1, 0));
        assert_eq!(
            summary.processes.len(),
            1,
            "a close in fragments closes nothing"
        );
    }
}

#[tokio::test]
async fn a_record_beyond_the_limit_is_malformed_and_counted_once() {
    let payload = payload_of(&long_record(1, 50_000));
    // Each unfinished record counts 256 bytes more.
    for (record_limit, reassembly_limit) in [(20_000, 4_000_000), (400_000, 20_256)] {
        let mut stream = Stream::default().hello(7);
        for piece in pieces(&payload, 11) {
            stream = stream.frame(&piece);
        }
        let stream = stream.record(7, 2).close(7, 2, 0);
        let logs = stream.subscriber().record_limit(record_limit);
        let run = logs.reassembly_limit(reassembly_limit).run_with(|_| {});
        let summary = within(run).await.unwrap();
        assert_eq!((summary.malformed, summary.missing), (1, 1));
        assert_eq!((summary.evicted, summary.incomplete), (0, 0));
        let reason = "record of more than 20000 bytes in fragments; it is given up";
        assert_eq!(summary.reasons, [reason]);
    }
}

#[tokio::test]
async fn a_record_with_too_many_values_arrives_with_a_mark() {
    let mut record = long_record(1, 10);
    record.key_values = (0..100).map(|n| (n.to_string(), n)).collect();
    let mut stream = Stream::default().frame(&record);
    for piece in pieces(&payload_of(&record), 11) {
        stream = stream.frame(&piece);
    }
    let mut shown = Vec::new();
    let run = stream
        .subscriber()
        .value_limit(20)
        .run_with(|record| shown.push(record.key_values.clone().into_owned()));
    within(run).await.unwrap();
    assert_eq!(shown.len(), 2);
    for pairs in shown {
        assert_eq!(pairs.get("19"), Some(Value::from(19)));
        assert_eq!(
            pairs.get("cut"),
            Some(Value::from("… (cut after 20 pairs)"))
        );
        assert_eq!(pairs.len(), 21);
    }
}

#[tokio::test]
async fn the_oldest_unfinished_records_make_room() {
    let payload = payload_of(&long_record(1, 10_000));
    let mut stream = Stream::default();
    for number in 0..10_000 {
        stream = stream.frame(&pieces(&payload, number)[0]);
    }
    let summary = stream.summary().await;
    assert!(
        summary.incomplete > 100 && summary.evicted > 100,
        "{summary:?}"
    );
    assert_eq!(summary.incomplete + summary.evicted, 10_000);
    let mut whole = summary.clone();
    (whole.incomplete, whole.end) = (0, StreamEnd::Clean);
    assert!(!whole.is_complete(), "an evicted record is lost");
    whole.evicted = 0;
    assert!(whole.is_complete());
    assert_eq!(summary.reasons.len(), 1);
    assert_eq!(summary.malformed, 0);
}

#[tokio::test]
async fn a_stream_of_records_goes_on_after_a_joined_one() {
    let payload = payload_of(&long_record(1, 10_000));
    let mut stream = Stream::default();
    for piece in pieces(&payload, 11) {
        stream = stream.frame(&piece);
    }
    let stream = stream.frame(&record(7, 2));
    let mut seqs = Vec::new();
    within(stream.subscriber().run_with(|record| seqs.push(record.seq)))
        .await
        .unwrap();
    assert_eq!(seqs, [1, 2]);
}
