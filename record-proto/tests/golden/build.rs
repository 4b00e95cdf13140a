//! Short ways to say what a golden frame holds.

use record_proto::{
    Close, Dropped, ErrorInfo, Hello, KeyValues, Levels, List, LogRecord, Payload, Spans, Value,
    split,
};

use crate::common::{TIME, record_of};

pub(crate) const INSTANCE: u32 = 0x9f3a_1c02;

pub(crate) type Golden = (&'static str, Payload<'static>);
pub(crate) type Make = fn(&mut LogRecord<'static>);

pub(crate) fn named(name: &'static str, make: Make) -> Golden {
    let mut record = record_of("hello");
    record.seq = 1;
    make(&mut record);
    (name, Payload::Record(record))
}

pub(crate) fn reference(record: &mut LogRecord<'static>) {
    record.pid = Some(4711);
    record.process = Some("worker".into());
    record.thread_id = Some(4712);
    record.thread = Some("pool-1".into());
    record.module_path = Some("worker::job".into());
    record.file = Some("src/job.rs".into());
    record.line = Some(42);
    record.key_values = pairs([("job", 7)]);
    record.key_values.push("took", 1.5);
    record.context = pairs([("worker", 3)]);
}

/// The fields of process, thread and call site.
pub(crate) fn source_of(record: &mut LogRecord<'static>) {
    reference(record);
    (record.key_values, record.context) = (KeyValues::new(), KeyValues::new());
}

pub(crate) fn spans() -> Spans<'static> {
    let mut fields = pairs([("id", 7)]);
    fields.push("path", "/a");
    let mut spans = Spans::new();
    spans.push("request", &fields);
    spans.push("query", &KeyValues::new());
    spans
}

pub(crate) fn error() -> ErrorInfo<'static> {
    let mut error = ErrorInfo::new("cannot open");
    error.sources = ["no such file", "os error 2"].into_iter().collect();
    error.key = Some("err".into());
    error
}

pub(crate) fn hello(make: fn(&mut Hello<'static>)) -> Payload<'static> {
    let mut hello = Hello::new();
    make(&mut hello);
    Payload::Hello(hello)
}

pub(crate) fn all_of_hello(hello: &mut Hello<'static>) {
    hello.pid = Some(4711);
    hello.process = Some("worker".into());
    hello.time = Some(TIME);
    hello.context = pairs([("worker", 3)]);
}

pub(crate) fn fragment(
    pid: Option<u64>,
    stream: u64,
    index: u64,
    last: bool,
    bytes: &[u8],
) -> Payload<'static> {
    let mut fragment = split(&[0], pid, stream, 4096).next().unwrap();
    (fragment.index, fragment.last) = (index, last);
    fragment.bytes = bytes.to_vec().into();
    Payload::Fragment(fragment)
}

pub(crate) fn dropped(pid: Option<u64>, counts: [u64; 5]) -> Payload<'static> {
    let mut dropped = Dropped::new();
    dropped.pid = pid;
    dropped.time = pid.and(Some(TIME));
    dropped.counts = Levels(counts);
    Payload::Dropped(dropped)
}

pub(crate) fn dropped_by(instance: u32, counts: [u64; 5]) -> Payload<'static> {
    let mut dropped = Dropped::new();
    (dropped.pid, dropped.time) = (Some(4711), Some(TIME));
    (dropped.counts, dropped.instance) = (Levels(counts), Some(instance));
    Payload::Dropped(dropped)
}

pub(crate) fn close(
    pid: Option<u64>,
    time: Option<u64>,
    sent: u64,
    dropped: u64,
    make: fn(&mut Close),
) -> Payload<'static> {
    let mut close = Close::new();
    (close.pid, close.time) = (pid, time);
    (close.sent, close.dropped) = (sent, dropped);
    make(&mut close);
    Payload::Close(close)
}

pub(crate) fn with_levels(close: &mut Close) {
    close.instance = Some(INSTANCE);
    close.dropped_by_level = Some(Levels([1, 2, 3, 1, 0]));
}

pub(crate) fn pairs<'v, V: Into<Value<'v>>>(
    pairs: impl IntoIterator<Item = (&'static str, V)>,
) -> KeyValues<'static> {
    pairs.into_iter().collect()
}

pub(crate) fn list<'v, V: Into<Value<'v>>>(items: impl IntoIterator<Item = V>) -> List<'static> {
    items.into_iter().collect()
}
