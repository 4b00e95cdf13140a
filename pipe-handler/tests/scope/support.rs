//! A handler on a pipe, and the records that arrived there.

use std::{
    io::{PipeReader, Read},
    thread::{self, JoinHandle},
};

use log::{Level, Log, Record};
use pipe_handler::{Builder, PipeHandler};
use record_proto::{Close, HEAD_LENGTH, LogRecord, Payload, Progress, Reassembler};

/// A handler whose pipe is read by a thread.
pub(crate) struct Piped {
    pub(crate) handler: PipeHandler,
    pub(crate) reader: JoinHandle<Vec<u8>>,
}

/// All that arrived.
pub(crate) struct Arrived {
    pub(crate) records: Vec<LogRecord<'static>>,
    pub(crate) close: Option<Close>,
    pub(crate) dropped: u64,
}

impl Piped {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(settings: impl FnOnce(Builder) -> Builder) -> Self {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        let builder = PipeHandler::builder().filter("trace").panic_hook(false);
        let handler = settings(builder).build_on(write_end).expect("a handler");
        let reader = thread::spawn(move || read_all(read_end));
        Self { handler, reader }
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        log_to(&self.handler, level, message);
    }

    /// Closes the handler, and returns everything that arrived.
    pub(crate) fn finish(self) -> Arrived {
        drop(self.handler);
        arrived(self.reader)
    }
}

/// Returns everything that arrived until the pipe was closed.
pub(crate) fn arrived(reader: JoinHandle<Vec<u8>>) -> Arrived {
    let bytes = reader.join().expect("no panic");
    let mut reassembler = Reassembler::new();
    let mut arrived = Arrived {
        records: Vec::new(),
        close: None,
        dropped: 0,
    };
    let mut rest = &bytes[..];
    while let Some((head, frames)) = rest.split_first_chunk::<HEAD_LENGTH>() {
        let (payload, frames) = frames.split_at(u32::from_be_bytes(*head) as usize);
        rest = frames;
        arrived.add(payload, &mut reassembler);
    }
    assert!(rest.is_empty(), "whole frames");
    arrived
}

pub(crate) fn read_all(mut read_end: PipeReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    read_end.read_to_end(&mut bytes).expect("a pipe");
    bytes
}

/// Logs a record with the pair `own=1`.
pub(crate) fn log_to(logger: &dyn Log, level: Level, message: &str) {
    let pairs = [("own", 1)];
    let mut record = Record::builder();
    record.level(level).target("test").key_values(&pairs);
    logger.log(&record.args(format_args!("{message}")).build());
}

impl Arrived {
    fn add(&mut self, payload: &[u8], reassembler: &mut Reassembler) {
        match Payload::decode(payload).expect("a payload") {
            Payload::Record(record) => self.records.push(record.into_owned()),
            Payload::Fragment(fragment) => {
                if let Progress::Complete(payload) = reassembler.push(&fragment) {
                    self.add(&payload, reassembler);
                }
            }
            Payload::Dropped(dropped) => self.dropped += dropped.counts.total(),
            Payload::Close(close) => self.close = Some(close),
            _ => {}
        }
    }

    pub(crate) fn messages(&self) -> Vec<&str> {
        self.records.iter().map(|record| &*record.message).collect()
    }

    /// The pairs of each record, without `own`.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let pairs = |record: &LogRecord<'_>| {
            let pairs = record.key_values.iter().filter(|(key, _)| *key != "own");
            let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
            pairs.join(" ")
        };
        self.records.iter().map(pairs).collect()
    }

    /// The batch of each record.
    pub(crate) fn batches(&self) -> Vec<String> {
        let batch = |record: &LogRecord<'_>| record.batch.map_or("-".into(), |b| b.to_string());
        self.records.iter().map(batch).collect()
    }

    /// Asserts that the records are numbered in the order in which they arrived, and returns how many there are.
    #[track_caller]
    pub(crate) fn assert_numbered(&self) -> u64 {
        let numbers: Vec<u64> = self.records.iter().map(|record| record.seq).collect();
        let count = numbers.len() as u64;
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
        assert_eq!(self.close.as_ref().expect("a close").sent, count);
        count
    }

    pub(crate) fn held_back(&self) -> u64 {
        self.close.as_ref().expect("a close").held_back
    }
}
