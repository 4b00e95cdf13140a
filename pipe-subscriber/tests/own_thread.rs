//! `run_on_thread`: the logger may use a runtime of its own. It is one test in a process of its own, because it sets
//! the global logger.

use std::{
    io::{self, Cursor, Write},
    sync::Mutex,
};

use log::{Level, LevelFilter, Log, Metadata, Record};
use pipe_subscriber::{LogRecord, PipeSubscriber};
use record_proto::Encode;
use tokio::runtime::{Builder, Handle};

/// The calls of the parent's own code, and for each whether it was outside of any runtime.
static CALLS: Mutex<Vec<(&str, bool)>> = Mutex::new(Vec::new());

/// Blocks on a runtime of its own, as a program's code may do. That panics within another runtime.
fn work(called: &'static str) {
    let is_outside = Handle::try_current().is_err();
    CALLS.lock().unwrap().push((called, is_outside));
    let own = Builder::new_current_thread().build().unwrap();
    own.block_on(tokio::task::yield_now());
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        work("enabled");
        true
    }

    fn log(&self, _: &Record<'_>) {
        work("log");
    }

    fn flush(&self) {}
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        work("write");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        work("flush");
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        work("drop");
    }
}

#[test]
fn the_logger_and_the_writer_of_a_thread_of_their_own_are_outside_of_its_runtime() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let mut stream = Vec::new();
    for n in 0..3 {
        // Two of these are more than one read returns.
        LogRecord::new(Level::Info, "worker", "x".repeat(40_000 + n)).encode_frame(&mut stream);
    }
    let logs = PipeSubscriber::new(Cursor::new(stream)).tee(Writer);
    let summary = logs.run_on_thread().unwrap().join().unwrap().unwrap();
    assert_eq!((summary.received, summary.logger_panics), (3, 0));
    assert!(summary.reasons.is_empty(), "{:?}", summary.reasons);
    let calls = CALLS.lock().unwrap();
    let one = ["write", "write", "enabled", "log"];
    let expected = [&one[..], &one, &one, &["flush", "drop"]].concat();
    let expected: Vec<_> = expected.into_iter().map(|call| (call, true)).collect();
    assert_eq!(*calls, expected);
}
