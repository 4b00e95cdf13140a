//! A record with anything in it: encoded, cut, joined, decoded and captured again, it is the same.

use std::borrow::Cow;

use bytes::BytesMut;
use log::Level;
use record_proto::{
    BatchInfo, BatchReason, Encode, ErrorInfo, FRAGMENT_OVERHEAD, Frame, HEAD_LENGTH, KeyValues,
    LogRecord, Payload, Progress, Reassembler, RecordCodec, Scratch, Value, split,
};
use tokio_util::codec::Decoder;

use fuzz::{driver, input::Input, reference};

fn main() {
    driver::fuzz(one);
}

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let piece = usize::from(input.u8());
    let record = record(&mut input);

    let mut frame = Vec::new();
    record.encode_frame(&mut frame);
    let payload = &frame[HEAD_LENGTH..];
    let decoded = Payload::decode(payload);
    reference::agree(payload, &decoded);
    assert_eq!(decoded, Ok(Payload::Record(record.clone())));

    if payload.len() <= RecordCodec::new().max_frame_length() {
        let mut stream = BytesMut::from(&frame[..]);
        let read = RecordCodec::new().decode(&mut stream).expect("a frame");
        assert_eq!(read, Some(Frame::new(payload.to_vec())));
    }
    // In a few pieces, or a few more.
    let piece = (payload.len() / 8).max(1) + piece;
    assert_eq!(joined(payload, FRAGMENT_OVERHEAD + piece), payload);
    captured(&record);
}

fn record(input: &mut Input<'_>) -> LogRecord<'static> {
    let level = Level::iter()
        .nth(usize::from(input.u8() % 5))
        .expect("five levels");
    let mut record = LogRecord::new(level, input.text(), input.text());
    (record.seq, record.time) = (input.u64(), input.u64());
    let present = input.u16();
    let mut given = (0..).map(|place| present >> place & 1 == 1);
    let mut given = || given.next() == Some(true);
    record.pid = given().then(|| input.u64());
    record.process = given().then(|| input.text().into());
    record.thread_id = given().then(|| input.u64());
    record.thread = given().then(|| input.text().into());
    record.module_path = given().then(|| input.text().into());
    record.file = given().then(|| input.text().into());
    record.line = given().then(|| input.u64() as u32);
    record.original_length = given().then(|| input.u64());
    record.instance = given().then(|| input.u64() as u32);
    record.error = given().then(|| error(input));
    if given() {
        record.key_values = pairs(input, 0);
    }
    if given() {
        record.context = pairs(input, 0);
    }
    if given() {
        for _ in 0..input.u8() % 4 {
            record.spans.push(&input.text(), &pairs(input, 0));
        }
    }
    if given() {
        let reason = match input.u8() {
            0 => BatchReason::Escalation,
            1 => BatchReason::Group,
            other => BatchReason::Other(other.into()),
        };
        record.batch = Some(BatchInfo::new(reason, input.u64(), input.u64()));
    }
    record
}

fn error(input: &mut Input<'_>) -> ErrorInfo<'static> {
    let mut error = ErrorInfo::new(input.text());
    error.sources = (0..input.u8() % 80).map(|_| input.text()).collect();
    error.backtrace = input.maybe(Input::text).map(Cow::Owned);
    error.key = input.maybe(Input::text).map(Cow::Owned);
    error
}

fn pairs(input: &mut Input<'_>, depth: usize) -> KeyValues<'static> {
    (0..input.u8() % 20)
        .map(|_| (input.text(), value(input, depth)))
        .collect()
}

fn value(input: &mut Input<'_>, depth: usize) -> Value<'static> {
    match input.u8() % 10 {
        0 => Value::Nil,
        1 => Value::from(input.u8() & 1 == 1),
        2 => Value::from(input.u64()),
        3 => Value::from(input.u64() as i64),
        4 => Value::from(f64::from_bits(input.u64().rotate_right(12))),
        5 | 6 => Value::from(input.text()),
        7 => Value::from(input.sized().to_vec()),
        // Two deeper than the format allows: what is too deep becomes text.
        8 if depth < 10 => Value::List(
            (0..input.u8() % 9)
                .map(|_| value(input, depth + 1))
                .collect(),
        ),
        9 if depth < 10 => Value::Map(pairs(input, depth + 1)),
        _ => Value::Nil,
    }
}

fn joined(payload: &[u8], largest: usize) -> Vec<u8> {
    let mut reassembler = Reassembler::new();
    for fragment in split(payload, Some(7), 7, largest) {
        let mut frame = Vec::new();
        fragment.encode_frame(&mut frame);
        assert!(frame.len() <= largest);
        let Ok(Payload::Fragment(read)) = Payload::decode(&frame[HEAD_LENGTH..]) else {
            panic!("{fragment:?}")
        };
        assert_eq!(read, fragment);
        if let Progress::Complete(joined) = reassembler.push(&read) {
            assert!(read.last && reassembler.open() == 0);
            return joined;
        }
    }
    panic!("the last fragment makes it whole")
}

/// What a logger is shown can be logged once more.
fn captured(record: &LogRecord<'_>) {
    let mut scratch = Scratch::new();
    // Names are cut when they are captured.
    let mut expected = record.clone();
    expected.truncate_names();
    record.with_record(|shown| {
        let again = scratch.capture(shown);
        assert_eq!(
            (again.level, &again.target, &again.message),
            (expected.level, &expected.target, &expected.message)
        );
        assert_eq!(
            (&again.module_path, &again.file, again.line),
            (&expected.module_path, &expected.file, expected.line)
        );
        let backtrace = record
            .error
            .as_ref()
            .is_some_and(|error| error.backtrace.is_some());
        let added = [backtrace, !record.spans.is_empty(), record.batch.is_some()];
        let added = added.into_iter().filter(|&is_added| is_added).count();
        assert_eq!(
            again.key_values.len(),
            record.key_values.len() + record.context.len() + added
        );
        let mut bytes = Vec::new();
        again.encode(&mut bytes);
        assert_eq!(Payload::decode(&bytes), Ok(Payload::Record(again)));
    });
}
