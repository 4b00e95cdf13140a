//! Records as a stream.

use pipe_subscriber::{PipeSubscriber, StreamEnd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;

use crate::support::{Failing, Stream, record, within};

#[tokio::test]
async fn all_records_come_and_then_the_summary() {
    let stream = Stream::default()
        .hello(7)
        .record(7, 1)
        .payload(&[])
        .record(7, 2)
        .close(7, 3, 0);
    let mut records = stream.subscriber().records();
    assert_eq!(records.summary(), None);
    let mut seqs = Vec::new();
    while let Some(record) = within(records.next()).await {
        assert_eq!(records.summary(), None);
        seqs.push(record.seq);
    }
    assert_eq!(seqs, [1, 2]);
    assert_eq!(within(records.next()).await, None, "it stays ended");

    let summary = records.summary().unwrap().clone();
    assert_eq!(
        (summary.received, summary.malformed, summary.missing),
        (2, 1, 1)
    );
    assert_eq!(summary.end, StreamEnd::Clean);
    assert!(records.error().is_none());
    assert_eq!(records.into_summary().unwrap(), summary);
}

#[tokio::test]
async fn a_record_comes_as_soon_as_it_is_there() {
    let (mut writer, reader) = tokio::io::duplex(10_000);
    let mut records = PipeSubscriber::new(reader).records();
    for seq in 1..=3 {
        let frame = Stream::default().record(7, seq).0;
        writer.write_all(&frame).await.unwrap();
        let came = within(records.next()).await.unwrap();
        assert_eq!((came.seq, came.message), (seq, record(7, seq).message));
    }
    drop(writer);
    assert_eq!(within(records.next()).await, None);
}

#[tokio::test]
async fn a_stream_that_is_stopped_early_has_the_figures_so_far() {
    let stream = Stream::default().hello(7).records(7, 1..=10);
    let mut records = stream.subscriber().records();
    within(records.next()).await.unwrap();
    within(records.next()).await.unwrap();
    let summary = records.into_summary().unwrap();
    assert_eq!((summary.received, summary.end), (2, StreamEnd::Open));
}

#[tokio::test]
async fn a_read_error_ends_the_stream_and_is_kept() {
    let stream = Stream::default().record(7, 1);
    let mut records = PipeSubscriber::new((&stream.0[..]).chain(Failing)).records();
    assert_eq!(within(records.next()).await.unwrap().seq, 1);
    assert_eq!(within(records.next()).await, None);
    assert_eq!(within(records.next()).await, None);
    assert_eq!(records.error().unwrap().to_string(), "the cable is out");
    assert_eq!(records.summary().unwrap().received, 1);
    let error = records.into_summary().unwrap_err();
    assert_eq!(
        (error.summary.received, error.source.to_string()),
        (1, "the cable is out".to_owned())
    );
}
