//! How streams end.

use std::{error::Error, io};

use pipe_subscriber::{PipeSubscriber, ReadError, StreamEnd};
use record_proto::HEAD_LENGTH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Failing, Stream, within};

#[test]
fn ends_print_and_serialise_as_the_same_words() {
    let words = [
        (StreamEnd::Open, "open"),
        (StreamEnd::Clean, "clean"),
        (StreamEnd::Eof, "eof"),
        (StreamEnd::Truncated, "truncated"),
        (StreamEnd::Corrupt, "corrupt"),
        (StreamEnd::HeldOpen, "held-open"),
    ];
    for (end, word) in words {
        assert_eq!(end.to_string(), word);
        assert_eq!(serde_json::to_value(end).unwrap(), word);
    }
}

#[tokio::test]
async fn a_stream_without_any_process_ends_as_eof() {
    let nothing = Stream::default().summary().await;
    assert_eq!((nothing.end, nothing.received), (StreamEnd::Eof, 0));
    let unknown = Stream::default().payload(&[99, 0x90]).summary().await;
    assert_eq!(unknown.end, StreamEnd::Eof);
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_yields_its_whole_frames_and_a_true_end() {
    let whole = Stream::default().hello(7).records(7, 1..=2).close(7, 2, 0);
    let ends = frame_ends(&whole.0);
    assert_eq!(ends.len(), 4);
    for cut in 0..=whole.0.len() {
        let summary = Stream(whole.0[..cut].to_vec()).summary().await;
        let frames = ends.iter().filter(|&&end| end <= cut).count();
        let records = frames.saturating_sub(1).min(2) as u64;
        let end = match cut {
            0 => StreamEnd::Eof,
            cut if cut == whole.0.len() => StreamEnd::Clean,
            cut if ends.contains(&cut) => StreamEnd::Eof,
            _ => StreamEnd::Truncated,
        };
        assert_eq!(
            (summary.received, summary.end),
            (records, end),
            "cut at {cut}"
        );
        assert_eq!(summary.malformed, 0, "cut at {cut}");
    }
}

/// Returns the offset of the end of each frame.
fn frame_ends(mut stream: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut offset = 0;
    while let Some((head, rest)) = stream.split_first_chunk::<HEAD_LENGTH>() {
        let length = u32::from_be_bytes(*head) as usize;
        offset += HEAD_LENGTH + length;
        ends.push(offset);
        stream = &rest[length..];
    }
    ends
}

#[tokio::test]
async fn frames_may_arrive_byte_by_byte() {
    let stream = Stream::default().hello(7).records(7, 1..=3).close(7, 3, 0);
    let (mut writer, reader) = tokio::io::duplex(1);
    let write = async move { writer.write_all(&stream.0).await };
    let (written, summary) =
        within(async { tokio::join!(write, PipeSubscriber::new(reader).run_with(|_| {})) }).await;
    written.unwrap();
    assert!(summary.unwrap().is_complete());
}

#[tokio::test]
async fn after_an_impossible_length_everything_is_read_and_thrown_away() {
    let mut stream = Stream::default().hello(7).record(7, 1).0;
    stream.extend_from_slice(&[0xff; 4]);
    let stream = Stream(stream).record(7, 2).close(7, 2, 0);

    let (mut writer, reader) = tokio::io::duplex(64);
    let subscriber = tokio::spawn(PipeSubscriber::new(reader).run_with(|_| {}));
    // If the reader were closed, these writes would fail. If it had stopped reading, they would never end.
    within(writer.write_all(&stream.0)).await.unwrap();
    for _ in 0..100 {
        within(writer.write_all(&[7; 10_000])).await.unwrap();
    }
    assert!(!subscriber.is_finished());
    drop(writer);

    let summary = within(subscriber).await.unwrap().unwrap();
    assert_eq!((summary.end, summary.received), (StreamEnd::Corrupt, 1));
    assert_eq!(summary.malformed, 0);
    assert!(summary.reasons[0].contains("4294967295"), "{summary:?}");
}

#[tokio::test]
async fn the_longest_frame_is_a_setting() {
    let stream = Stream::default().hello(7).record(7, 1);
    let strict = stream.subscriber().max_frame_length(8);
    let summary = strict.run_with(|_| {}).await.unwrap();
    assert_eq!((summary.end, summary.received), (StreamEnd::Corrupt, 0));

    let mut long = crate::support::record(7, 1);
    long.message = "x".repeat(100_000).into();
    let stream = Stream::default().frame(&long);
    assert_eq!(stream.summary().await.end, StreamEnd::Corrupt);
    let patient = stream.subscriber().max_frame_length(200_000);
    assert_eq!(patient.run_with(|_| {}).await.unwrap().received, 1);
}

#[tokio::test]
async fn a_read_error_keeps_the_figures_and_its_cause() {
    let stream = Stream::default().hello(7).records(7, 1..=2);
    let reader = (&stream.0[..]).chain(Failing);
    let error = within(PipeSubscriber::new(reader).run_with(|_| {}))
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "reading the record stream failed after 2 records"
    );
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "the cable is out");
    assert_eq!(error.source.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(
        (error.summary.received, error.summary.end),
        (2, StreamEnd::Eof)
    );

    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = error.downcast::<ReadError>().unwrap();
    assert_eq!(error.summary.received, 2);
}

#[tokio::test]
async fn a_read_error_inside_a_frame_ends_truncated() {
    let mut stream = Stream::default().hello(7).close(7, 0, 0).0;
    stream.push(0);
    let error = PipeSubscriber::new((&stream[..]).chain(Failing))
        .run_with(|_| {})
        .await
        .unwrap_err();
    assert_eq!(error.summary.end, StreamEnd::Truncated);
}
