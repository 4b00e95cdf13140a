//! What reading allocates: nothing for each record, and no more than its bounds whatever comes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use log::{Level, Log, Metadata, Record};
use pipe_subscriber::{LogRecord, Origin, PipeSubscriber, Summary};
use record_proto::{Encode, Hello, cut};
use tokio::io::{AsyncRead, ReadBuf};

struct Counting;

thread_local! {
    // Each test has a thread of its own.
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(by: isize) {
    CALLS.set(CALLS.get() + usize::from(by > 0));
    LIVE.set(LIVE.get() + by);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: Everything is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: The caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: The caller's promises are the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The same bytes again and again, without holding them all.
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

struct Reading;

impl Log for Reading {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        assert_eq!(record.key_values().count(), 4);
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn nothing_is_allocated_for_each_record() {
    let mut block = Vec::new();
    let mut record = LogRecord::new(Level::Info, "worker", "a message of some length");
    for pid in 0..4 {
        record.pid = Some(pid);
        record.thread = Some("main".into());
        record.key_values = [("job", 7)].into_iter().collect();
        record.encode_frame(&mut block);
    }
    let subscriber = PipeSubscriber::new(Repeat::new(block, 10_000))
        .label("w1")
        .attach([Origin::Label, Origin::Pid, Origin::Thread]);

    let before = CALLS.get();
    let summary = subscriber.run_into(Reading).await.unwrap();
    let calls = CALLS.get() - before;
    assert_eq!((summary.received, summary.logger_panics), (40_000, 0));
    assert!(calls < 200, "{calls} allocations");
}

/// Reads a stream and tells the most memory that was in use meanwhile.
async fn peak_of(block: Vec<u8>, times: usize) -> (Summary, isize) {
    let subscriber = PipeSubscriber::new(Repeat::new(block, times));
    let before = LIVE.get();
    PEAK.set(before);
    let summary = subscriber.run_with(|_| {}).await.unwrap();
    (summary, PEAK.get() - before)
}

#[tokio::test]
async fn unfinished_records_take_no_more_than_their_limit() {
    let payload = vec![7; 50_000];
    let mut block = Vec::new();
    for stream in 0..1000 {
        let first = cut(&payload, Some(7), stream, 30_000).next().unwrap();
        first.encode_frame(&mut block);
    }
    let (summary, peak) = peak_of(block, 3).await;
    assert!(summary.evicted > 2000, "{summary:?}");
    assert!(peak < 5 * 1024 * 1024, "{peak} bytes");
}

#[tokio::test]
async fn processes_take_no_more_than_their_number_allows() {
    let mut hello = Hello::new();
    hello.pid = Some(7);
    hello.process = Some("x".repeat(60_000).into());
    let mut block = Vec::new();
    hello.encode_frame(&mut block);
    let (summary, peak) = peak_of(block, 3000).await;
    assert_eq!(summary.folded_processes, 3000 - 1024);
    assert!(peak < 2 * 1024 * 1024, "{peak} bytes");
}
