//! Starts children that write given bytes, and makes the bytes of frames.

use pipe_subscriber::{StreamEnd, Summary};
use record_proto::{Close, Dropped, Encode, Hello, Levels, LogRecord};
use tokio::io::AsyncWriteExt;

use crate::support::{Outcome, scenario, within};

/// Starts a child that writes these bytes and ends.
pub(crate) fn child_that_writes(bytes: Vec<u8>) -> Outcome {
    let outcome = within(async {
        let mut running = scenario("raw").start();
        let mut input = running.talk.input.take().expect("a stdin");
        let write = tokio::spawn(async move { input.write_all(&bytes).await });
        let outcome = running.finish().await;
        write.await.expect("no panic").expect("a child that lives");
        outcome
    });
    assert!(
        outcome.status.success(),
        "it is not killed by its pipe: {}",
        outcome.status
    );
    outcome
}

pub(crate) fn record(pid: u64, seq: u64) -> LogRecord<'static> {
    let mut record = LogRecord::new(log::Level::Info, "raw", format!("{pid}:{seq}"));
    record.pid = Some(pid);
    record.seq = seq;
    record
}

pub(crate) fn close(pid: u64, sent: u64, dropped: u64) -> Close {
    let mut close = Close::new();
    (close.pid, close.sent, close.dropped) = (Some(pid), sent, dropped);
    close
}

pub(crate) fn dropped(pid: u64, counts: [u64; 5]) -> Dropped {
    let mut dropped = Dropped::new();
    (dropped.pid, dropped.counts) = (Some(pid), Levels(counts));
    dropped
}

pub(crate) fn hello(pid: u64) -> Hello<'static> {
    let mut hello = Hello::new();
    hello.pid = Some(pid);
    hello
}

/// Returns the bytes of frames, one after the other.
#[derive(Default)]
pub(crate) struct Stream(pub(crate) Vec<u8>);

impl Stream {
    pub(crate) fn and(mut self, payload: &impl Encode) -> Self {
        payload.encode_frame(&mut self.0);
        self
    }

    pub(crate) fn payload(mut self, payload: &[u8]) -> Self {
        self.0
            .extend(u32::try_from(payload.len()).expect("small").to_be_bytes());
        self.bytes(payload)
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

#[track_caller]
pub(crate) fn assert_figures(
    summary: &Summary,
    received: u64,
    dropped: u64,
    missing: u64,
    end: StreamEnd,
) {
    let figures = (
        summary.received,
        summary.dropped,
        summary.missing,
        summary.end,
    );
    assert_eq!(
        figures,
        (received, dropped, missing, end),
        "{summary}: {:?}",
        summary.reasons
    );
}
