//! A subscriber with a `PipeLayer`, and the records that it sends.

use std::{
    io::{PipeReader, Read},
    thread::{self, JoinHandle},
};

use pipe_handler::{Builder, PipeHandler};
use record_proto::{HEAD_LENGTH, LogRecord, Payload, Progress, Reassembler};
use tracing_subscriber::{Registry, layer::Layer, prelude::*};

/// Runs `work` below a subscriber that has the pipe's layer, with this filter. Returns the records.
pub(crate) fn records(filter: &str, work: impl FnOnce()) -> Vec<LogRecord<'static>> {
    records_with(PipeHandler::builder().filter(filter), None::<Nothing>, work)
}

pub(crate) type Nothing = tracing_subscriber::layer::Identity;

/// The same with other settings, and with another layer.
pub(crate) fn records_with(
    builder: Builder,
    other: impl Layer<Registry> + Send + Sync,
    work: impl FnOnce(),
) -> Vec<LogRecord<'static>> {
    let (reader, write_end) = std::io::pipe().expect("a pipe");
    // The panic of a test that fails at the same time is no record of this one.
    let builder = builder.panic_hook(false);
    let handler = builder.build_on(write_end).expect("a handler");
    let reading = read(reader);
    let subscriber = tracing_subscriber::registry()
        .with(other)
        .with(handler.into_layer());
    tracing::subscriber::with_default(subscriber, work);
    reading.join().expect("all frames can be read")
}

/// The only record.
pub(crate) fn one(work: impl FnOnce()) -> LogRecord<'static> {
    let [record] = records("trace", work).try_into().expect("one record");
    record
}

/// Reads to the end in a thread of its own, so that the pipe is never full.
fn read(mut reader: PipeReader) -> JoinHandle<Vec<LogRecord<'static>>> {
    thread::spawn(move || {
        let mut stream = Vec::new();
        reader.read_to_end(&mut stream).expect("a pipe");
        let mut records = Vec::new();
        let mut reassembler = Reassembler::new();
        let mut rest = &stream[..];
        while let Some((length, after)) = rest.split_first_chunk::<HEAD_LENGTH>() {
            let (payload, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            rest = after;
            match Payload::decode(payload).expect("a payload") {
                Payload::Record(record) => records.push(record.into_owned()),
                Payload::Fragment(fragment) => {
                    if let Progress::Complete(whole) = reassembler.push(&fragment) {
                        let record = LogRecord::decode(&whole).expect("a record");
                        records.push(record.into_owned());
                    }
                }
                _ => {}
            }
        }
        records
    })
}
