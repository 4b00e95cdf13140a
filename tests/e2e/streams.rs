//! How a reader handles any bytes that a child may write: the ends of a stream, and good and bad payloads.

use pipe_subscriber::{PipeSubscriber, StreamEnd};
use record_proto::Encode;

use crate::{
    raw::{Stream, assert_figures, child_that_writes, close, hello, record},
    support::within,
};

#[test]
fn a_stream_cut_at_any_byte_is_truncated_or_ends_between_frames() {
    let whole = Stream::default().and(&record(7, 1)).and(&record(7, 2)).0;
    let first = Stream::default().and(&record(7, 1)).0.len();
    within(async {
        for length in 0..=whole.len() {
            let subscriber = PipeSubscriber::new(&whole[..length]);
            let summary = subscriber.run_with(|_| {}).await.expect("no read error");
            let end = match length {
                0 => StreamEnd::Eof,
                _ if length == first || length == whole.len() => StreamEnd::Eof,
                _ => StreamEnd::Truncated,
            };
            assert_eq!(summary.end, end, "{length} bytes");
            assert_eq!(summary.received, (length / first) as u64, "{length} bytes");
        }
    });
    // A length prefix alone is truncated too, even after a close.
    let stream = Stream::default().and(&record(7, 1)).and(&close(7, 1, 0));
    let outcome = child_that_writes(stream.bytes(&[0, 0, 0, 9]).0);
    assert_figures(&outcome.summary, 1, 0, 0, StreamEnd::Truncated);
}

#[test]
fn an_impossible_length_ends_the_stream_but_not_the_child() {
    let stream = Stream::default().and(&record(7, 1)).and(&close(7, 1, 0));
    // Far more than the pipe holds: the child would wait for ever if the parent did not read.
    let rest = Stream::default().and(&record(7, 2)).0.repeat(50_000);
    let outcome = child_that_writes(stream.bytes(&[0xff; 4]).bytes(&rest).0);
    assert_figures(&outcome.summary, 1, 0, 0, StreamEnd::Corrupt);
    assert!(!outcome.summary.reasons.is_empty());
}

#[test]
fn a_payload_may_have_64_kib_and_no_more_unless_told_otherwise() {
    let sized = |length: usize| {
        let mut sized = record(7, 1);
        let mut bytes = Vec::new();
        sized.encode(&mut bytes);
        // A text beyond 64 KiB has a longer header, so that the length is found in two steps.
        for _ in 0..2 {
            let length_now = sized.message.len();
            let wanted = length_now + length - bytes.len();
            sized.message = "x".repeat(wanted).into();
            bytes.clear();
            sized.encode(&mut bytes);
        }
        assert_eq!(bytes.len(), length);
        sized
    };
    let largest = Stream::default().and(&sized(65_536)).and(&close(7, 1, 0)).0;
    assert_figures(
        &child_that_writes(largest).summary,
        1,
        0,
        0,
        StreamEnd::Clean,
    );
    let larger = Stream::default().and(&sized(65_537)).and(&close(7, 1, 0)).0;
    assert_figures(
        &child_that_writes(larger.clone()).summary,
        0,
        0,
        0,
        StreamEnd::Corrupt,
    );

    let subscriber = PipeSubscriber::new(&larger[..]).max_frame_length(65_537);
    let summary = within(subscriber.run_with(|_| {})).expect("no read error");
    assert_figures(&summary, 1, 0, 0, StreamEnd::Clean);
}

#[test]
fn a_bad_payload_costs_one_count_and_the_stream_goes_on() {
    let mut trailing = Vec::new();
    record(7, 2).encode(&mut trailing);
    trailing.push(0xc0);
    let bad: [&[u8]; 7] = [
        b"",
        b"\x01",
        b"\x01\x91\x01",
        b"\xc1\xc1\xc1",
        b"\x01\x95\x01\x02\x03\xa1\xff\xa0",
        b"\x01\xdd\xff\xff\xff\xff",
        &trailing,
    ];
    let mut stream = Stream::default();
    for (payload, seq) in bad.iter().zip(1..) {
        stream = stream.payload(payload).and(&record(7, seq));
    }
    let outcome = child_that_writes(stream.and(&close(7, 7, 0)).0);
    assert_eq!(
        outcome.summary.malformed, 7,
        "{:?}",
        outcome.summary.reasons
    );
    assert!(
        outcome.summary.reasons.len() >= 3,
        "{:?}",
        outcome.summary.reasons
    );
    assert_figures(&outcome.summary, 7, 0, 0, StreamEnd::Clean);
}

#[test]
fn kinds_and_fields_and_versions_of_later_are_skipped_and_counted() {
    let mut later = hello(7);
    later.version = 9;
    let stream = Stream::default()
        .and(&later)
        .payload(b"\x06\x93\x01\x02\x03")
        // A record with 18 fields, of which 16 are known; the last two nest without end.
        .payload(b"\x01\xdc\x00\x12\x01\x02\x03\xa1t\xa1m\x07\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\xc0\x93\x93\x93\x01\x02\x03\x04\x05\x06\x07\x81\x91\x01\xc0")
        .payload(b"\x7f\x90")
        .and(&close(7, 1, 0));
    let outcome = child_that_writes(stream.0);
    let summary = &outcome.summary;
    assert_figures(summary, 1, 0, 0, StreamEnd::Clean);
    assert_eq!(
        (summary.unknown, summary.malformed),
        (2, 0),
        "{:?}",
        summary.reasons
    );
    assert_eq!(summary.newer_version, Some(9));
    assert!(
        summary.reasons.iter().any(|reason| reason.contains('9')),
        "it is noted"
    );
    assert_eq!(outcome.messages(), ["m"]);
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    let mut stream = Stream::default();
    for n in 0..5_000 {
        let length = usize::from(byte() % 64);
        let mut payload: Vec<u8> = (0..length).map(|_| byte()).collect();
        if let [kind, fields, ..] = &mut payload[..] {
            (*kind, *fields) = (*kind % 6, 0x90 | *fields & 15);
        }
        stream = stream.payload(&payload).and(&record(7, n + 1));
    }
    let outcome = child_that_writes(stream.0);
    let own = outcome
        .of(7)
        .into_iter()
        .filter(|record| record.target == "raw");
    assert_eq!(own.count(), 5_000);
    assert_eq!(outcome.summary.logger_panics, 0);
    assert!(outcome.summary.malformed > 1_000, "{}", outcome.summary);
}
