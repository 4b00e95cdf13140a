//! Loggers that panic.

use std::{
    panic::panic_any,
    sync::atomic::{AtomicUsize, Ordering},
};

use log::{Level, Log, Metadata, Record};
use pipe_subscriber::LogRecord;

use crate::support::{Stream, within};

/// Panics on every second record, with a value that panics once more when it is dropped.
struct Panicking(AtomicUsize);

struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Log for Panicking {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        assert_ne!(metadata.target(), "enabled");
        true
    }

    fn log(&self, _record: &Record<'_>) {
        if self.0.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            panic_any(Grenade);
        }
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn a_logger_that_panics_is_counted_and_the_records_go_on() {
    let stream = Stream::default()
        .hello(7)
        .records(7, 1..=10)
        .frame(&LogRecord::new(Level::Info, "enabled", ""))
        .close(7, 10, 0);
    let logger = Panicking(AtomicUsize::new(0));
    let summary = within(stream.subscriber().run_into(&logger)).await.unwrap();
    assert_eq!((summary.received, summary.logger_panics), (11, 6));
    assert_eq!(logger.0.into_inner(), 10);
    assert!(summary.to_string().contains("6 panics of the logger, "));
}

#[tokio::test]
async fn a_closure_that_panics_is_counted_too() {
    let stream = Stream::default().records(7, 1..=3);
    let run = stream
        .subscriber()
        .run_with(|record| assert_ne!(record.seq, 2));
    let summary = within(run).await.unwrap();
    assert_eq!((summary.received, summary.logger_panics), (3, 1));
}
