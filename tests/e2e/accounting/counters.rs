//! The counters that must agree, and the place of the reports in the stream.

use bytes::BytesMut;
use log::Level;
use pipe_subscriber::{PipeSubscriber, StreamEnd, Summary};
use record_proto::{Levels, LogRecord, Payload, Progress, Reassembler, RecordCodec};
use tokio_util::codec::Decoder;

use super::case::{Case, text};

/// How many records the threads of a case have logged, and the counters of their handler.
pub(super) struct Logged {
    by_level: Levels,
    pub(super) sent: u64,
    pub(super) dropped: u64,
}

impl Logged {
    pub(super) fn of(case: &Case) -> Self {
        let mut by_level = Levels::default();
        for (level, _) in &case.records {
            *by_level.of_mut(*level) += case.threads as u64;
        }
        Self {
            by_level,
            sent: 0,
            dropped: 0,
        }
    }
}

/// Checks a stream whose writer has closed it.
pub(super) fn check(case: &Case, stream: &[u8], logged: &Logged, may_lack_close: bool) {
    let (records, summary) = read(stream);
    check_records(case, &records);
    let wrong = [summary.malformed, summary.unknown, summary.evicted];
    assert_eq!(wrong, [0; 3], "{summary}: {:?}", summary.reasons);
    assert_eq!(
        summary.received, logged.sent,
        "what was sent is here: {summary}"
    );
    assert_eq!(
        summary.dropped_by_level.total(),
        summary.dropped,
        "{summary}"
    );
    for level in Level::iter().filter(|&level| case.is_exempt(level)) {
        assert_eq!(summary.dropped_by_level.of(level), 0, "{level}: {summary}");
    }
    check_reports(case, stream);
    if may_lack_close && summary.end == StreamEnd::Eof {
        let reported = summary.received + summary.dropped + summary.missing;
        assert!(reported <= logged.by_level.total(), "{summary}");
        return;
    }
    assert_eq!(summary.end, StreamEnd::Clean, "{summary}");
    assert_eq!(
        (summary.dropped, summary.missing),
        (logged.dropped, 0),
        "{summary}"
    );
    let mut by_level = summary.dropped_by_level;
    for record in &records {
        *by_level.of_mut(record.level) += 1;
    }
    assert_eq!(
        by_level, logged.by_level,
        "received + dropped = logged, by level"
    );
}

fn read(stream: &[u8]) -> (Vec<LogRecord<'static>>, Summary) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let mut records = Vec::new();
    let run =
        PipeSubscriber::new(stream).run_with(|record| records.push(record.clone().into_owned()));
    let summary = runtime.expect("a runtime").block_on(run);
    (records, summary.expect("no read error"))
}

/// The records of each thread are in the order of its calls, and each is as it was logged.
fn check_records(case: &Case, records: &[LogRecord<'_>]) {
    let mut next = vec![0; case.threads];
    for record in records {
        let mut parts = record.message.splitn(3, ' ');
        let mut number = || parts.next()?.get(1..)?.parse::<usize>().ok();
        let (t, n) = number().zip(number()).expect("a record of ours");
        assert!(n >= next[t], "thread {t}: {n} behind {}", next[t]);
        next[t] = n + 1;
        let (level, size) = case.records[n];
        assert_eq!(record.level, level);
        assert!(
            parts.next() == Some(text(n, size)),
            "{size} bytes are whole"
        );
    }
}

/// With a single thread, every drop is reported before the next record.
fn check_reports(case: &Case, stream: &[u8]) {
    let mut bytes = BytesMut::from(stream);
    let mut codec = RecordCodec::new();
    let mut reassembler = Reassembler::new();
    let (mut received, mut reported) = (0, 0);
    while let Some(frame) = codec.decode(&mut bytes).expect("whole frames") {
        let seq = match frame.decode().expect("a payload") {
            Payload::Record(record) => record.seq,
            Payload::Fragment(fragment) => match reassembler.push(&fragment) {
                Progress::Complete(payload) => seq_of(&payload),
                _ => continue,
            },
            Payload::Dropped(dropped) => {
                assert!(dropped.counts.total() > 0, "a report of nothing");
                reported += dropped.counts.total();
                continue;
            }
            _ => continue,
        };
        received += 1;
        if case.threads == 1 {
            assert!(
                received + reported >= seq,
                "record {seq} stands in front of a report"
            );
        }
    }
}

fn seq_of(payload: &[u8]) -> u64 {
    match Payload::decode(payload) {
        Ok(Payload::Record(record)) => record.seq,
        other => panic!("{other:?} in fragments"),
    }
}
