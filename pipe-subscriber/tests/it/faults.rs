//! Payloads that are malformed or of an unknown kind.

use pipe_subscriber::StreamEnd;
use record_proto::Hello;

use crate::support::Stream;

#[tokio::test]
async fn a_malformed_payload_costs_no_other_payload() {
    let stream = Stream::default()
        .hello(7)
        .record(7, 1)
        .payload(&[1, 0x91, 7])
        .payload(&[])
        .payload(&[0xc1; 100])
        .record(7, 2)
        .close(7, 2, 0);
    let summary = stream.summary().await;
    assert_eq!((summary.received, summary.malformed), (2, 3));
    assert_eq!(summary.end, StreamEnd::Clean);
    assert_eq!(
        summary.reasons[0],
        "record at byte 1: 1 fields, but at least 5 are needed"
    );
    assert!(!summary.is_complete());
}

#[tokio::test]
async fn unknown_kinds_are_passed_over_and_counted() {
    let stream = Stream::default()
        .hello(7)
        .payload(&[6, 0x91, 7])
        .payload(&[0x7f, 0x90])
        .close(7, 0, 0);
    let summary = stream.summary().await;
    assert_eq!((summary.unknown, summary.malformed), (2, 0));
    assert_eq!(summary.end, StreamEnd::Clean);
    assert!(!summary.is_complete());
}

#[tokio::test]
async fn a_higher_version_is_noted_and_read_as_far_as_it_is_known() {
    let mut hello = Hello::new();
    hello.version = 9;
    hello.pid = Some(7);
    let stream = Stream::default().frame(&hello).record(7, 1).close(7, 1, 0);
    let summary = stream.summary().await;
    assert_eq!((summary.received, summary.newer_version), (1, Some(9)));
    assert_eq!(summary.reasons.len(), 1);
    assert!(summary.is_complete());
}

#[tokio::test]
async fn the_first_eight_different_reasons_are_kept() {
    let mut stream = Stream::default();
    for behind in 1..=20 {
        let mut payload = vec![4, 0x94, 0xc0, 0xc0, 0, 0];
        payload.resize(payload.len() + behind, 0);
        stream = stream.payload(&payload).payload(&payload);
    }
    let summary = stream.summary().await;
    assert_eq!((summary.malformed, summary.reasons.len()), (40, 8));
    for (behind, reason) in (1..).zip(&summary.reasons) {
        assert!(
            reason.contains(&format!(": {behind} bytes after")),
            "{reason}"
        );
    }
}
