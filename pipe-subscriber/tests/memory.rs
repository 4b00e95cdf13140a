//! The allocations of reading: none for each record, and never more than the bounds.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use allocation_counter::{AllocationInfo, measure};
use log::{Level, Log, Metadata, Record};
use pipe_subscriber::{Attach, LabelIn, LogRecord, PipeSubscriber, Summary};
use record_proto::{Encode, Hello, split};
use tokio::{
    io::{AsyncRead, ReadBuf},
    runtime,
};

/// A reader that returns the same bytes again and again, without holding them all.
struct Repeat {
    block: Vec<u8>,
    position: usize,
    times: usize,
}

impl Repeat {
    fn new(block: Vec<u8>, times: usize) -> Self {
        Self {
            block,
            position: 0,
            times,
        }
    }
}

impl AsyncRead for Repeat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.position == self.block.len() {
            self.position = 0;
            self.times -= 1;
        }
        if self.times > 0 {
            let rest = &self.block[self.position..];
            let piece = &rest[..rest.len().min(buf.remaining())];
            buf.put_slice(piece);
            self.position += piece.len();
        }
        Poll::Ready(Ok(()))
    }
}

struct Reading {
    keys: usize,
}

impl Log for Reading {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        assert_eq!(record.key_values().count(), self.keys);
    }

    fn flush(&self) {}
}

/// Runs a future to its end and returns its allocations.
fn measured<T>(future: impl Future<Output = T>) -> (T, AllocationInfo) {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let mut result = None;
    let info = measure(|| result = Some(runtime.block_on(future)));
    (result.unwrap(), info)
}

#[test]
fn nothing_is_allocated_for_each_record() {
    let mut block = Vec::new();
    let mut record = LogRecord::new(Level::Info, "worker", "a message of some length");
    for pid in 0..4 {
        record.pid = Some(pid);
        record.thread = Some("main".into());
        record.key_values = [("job", 7)].into_iter().collect();
        record.encode_frame(&mut block);
    }
    for (place, keys) in [
        (LabelIn::KeyValues, 4),
        (LabelIn::Target, 3),
        (LabelIn::Message, 3),
    ] {
        let subscriber = PipeSubscriber::new(Repeat::new(block.clone(), 10_000))
            .label("w1")
            .label_in(place)
            .attach([Attach::Label, Attach::Pid, Attach::Thread]);

        let (summary, info) = measured(subscriber.run_into(Reading { keys }));
        let summary = summary.unwrap();
        assert_eq!((summary.received, summary.logger_panics), (40_000, 0));
        assert!(info.count_total < 200, "{place:?}: {info:?}");
    }
}

/// Reads a stream and returns the most bytes that were allocated at a time.
fn peak_of(block: Vec<u8>, times: usize) -> (Summary, u64) {
    let subscriber = PipeSubscriber::new(Repeat::new(block, times));
    let (summary, info) = measured(subscriber.run_with(|_| {}));
    (summary.unwrap(), info.bytes_max)
}

#[test]
fn unfinished_records_take_no_more_than_their_limit() {
    let payload = vec![7; 50_000];
    let mut block = Vec::new();
    for stream in 0..1000 {
        let first = split(&payload, Some(7), stream, 30_000).next().unwrap();
        first.encode_frame(&mut block);
    }
    let (summary, peak) = peak_of(block, 3);
    assert!(summary.evicted > 2000, "{summary:?}");
    assert!(
        (1024 * 1024..5 * 1024 * 1024).contains(&peak),
        "{peak} bytes"
    );
}

#[test]
fn processes_take_no_more_than_their_number_allows() {
    let mut hello = Hello::new();
    hello.pid = Some(7);
    hello.process = Some("x".repeat(60_000).into());
    let mut block = Vec::new();
    hello.encode_frame(&mut block);
    let (summary, peak) = peak_of(block, 3000);
    assert_eq!(summary.folded_processes, 3000 - 1024);
    assert!((60_000..2 * 1024 * 1024).contains(&peak), "{peak} bytes");
}
