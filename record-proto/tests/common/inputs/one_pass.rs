//! One `RecordEncoder` for many log calls: each frame is that of the same record, built and encoded by itself.

use record_proto::{Encode, HEAD_LENGTH, Identity, KeyValues, LogRecord, Payload, RecordEncoder};

use super::expected::begin;
use super::input::Input;
use super::log_call::{Limits, LogCall};

/// So much is encoded for one input, so that few inputs of the fuzzer take much longer than others.
const MOST_FRAMES: usize = 40;
const MOST_BYTES: usize = 256 * 1024;

/// Encodes the log calls that the bytes describe, and compares each frame. Returns how many frames there were.
pub fn check(bytes: &[u8]) -> usize {
    let mut input = Input::new(bytes);
    let mut thread = Thread::default();
    assert_eq!(thread.encoder.finish(1), None, "no record was formatted");
    let mut calls = Vec::new();
    while !input.is_empty() && !thread.has_enough() {
        thread.step(&mut input, &mut calls);
    }
    thread.frames
}

/// An encoder, and the state that the expected frames depend on.
#[derive(Default)]
struct Thread {
    encoder: RecordEncoder,
    who: Who,
    limits: Limits,
    frames: usize,
    bytes: usize,
}

/// What all records of a thread have.
#[derive(Default)]
struct Who {
    pid: Option<u64>,
    process: Option<String>,
    thread_id: Option<u64>,
    thread: Option<String>,
    instance: Option<u32>,
    context: KeyValues<'static>,
}

impl Thread {
    fn step(&mut self, input: &mut Input<'_>, calls: &mut Vec<LogCall>) {
        let choice = input.u8();
        if choice & 1 == 1 {
            self.identify(input);
        }
        if choice & 6 == 6 {
            self.limit(Limits::read(input));
        }
        // Often the call site of an earlier record, so that it is known.
        let (place, times) = match choice >> 3 & 3 {
            0 | 1 => {
                calls.push(LogCall::read(input, self.limits));
                (calls.len() - 1, 1)
            }
            2 => (usize::from(input.u8()), 1),
            _ => (usize::from(input.u8()), 1 + input.u8() % 20),
        };
        if calls.is_empty() {
            return;
        }
        let place = place % calls.len();
        if choice >> 4 & 1 == 1 && input.u8() & 1 == 1 {
            calls[place].vary(input);
        }
        for _ in 0..times {
            if self.has_enough() {
                return;
            }
            self.log(input, &calls[place], choice);
        }
        if choice >> 6 == 3 {
            self.encoder.shrink_to(input.u16().into());
        }
    }

    fn log(&mut self, input: &mut Input<'_>, call: &LogCall, choice: u8) {
        let time = input.u64();
        call.format_into(&mut self.encoder, time);
        let mut record = call.expected(self.limits);
        record.time = time;
        // Formatting may fork, and only then is the process another one.
        if choice >> 5 & 1 == 1 {
            self.identify(input);
        }
        self.compare(&mut record, input.u64());
        if choice >> 6 & 1 == 1 {
            self.identify(input);
            self.compare(&mut record, input.u64());
        }
    }

    fn compare(&mut self, record: &mut LogRecord<'static>, seq: u64) {
        record.seq = seq;
        self.who.sign(record);
        let expected = frame(record);
        let found = self.encoder.finish(seq).expect("there is memory");
        assert_eq!(found, expected, "{record:?}");
        let decoded = Payload::decode(&found[HEAD_LENGTH..]);
        assert_eq!(decoded, Ok(Payload::Record(record.clone())));
        assert_eq!(self.encoder.time(), record.time);
        self.frames += 1;
        self.bytes += expected.len();
    }

    fn has_enough(&self) -> bool {
        self.frames >= MOST_FRAMES || self.bytes >= MOST_BYTES
    }

    fn identify(&mut self, input: &mut Input<'_>) {
        self.who = Who::read(input);
        let identity = Identity {
            pid: self.who.pid,
            process: self.who.process.as_deref(),
            thread_id: self.who.thread_id,
            thread: self.who.thread.as_deref(),
            instance: self.who.instance,
        };
        self.encoder.identify(&identity, &self.who.context);
    }

    fn limit(&mut self, limits: Limits) {
        self.limits = limits;
        let Limits {
            message,
            text,
            pairs,
        } = limits;
        self.encoder.set_limits(message, text, pairs);
    }
}

impl Who {
    fn read(input: &mut Input<'_>) -> Self {
        let pairs = 0..input.few(20);
        Self {
            pid: input.maybe(Input::u64),
            process: input.maybe(|input| input.text_around(1024)),
            thread_id: input.maybe(Input::u64),
            thread: input.maybe(|input| input.text_around(1024)),
            instance: input.maybe(|input| input.u64() as u32),
            context: pairs
                .map(|_| (input.short_text(), input.short_text()))
                .collect(),
        }
    }

    fn sign(&self, record: &mut LogRecord<'static>) {
        let name = |name: &Option<String>| name.as_deref().map(|name| begin(name, 1024).to_owned());
        record.pid = self.pid;
        record.process = name(&self.process).map(Into::into);
        record.thread_id = self.thread_id;
        record.thread = name(&self.thread).map(Into::into);
        record.instance = self.instance;
        record.context = self.context.clone();
    }
}

/// The frame of a record with all fields up to the instance. `Encode` leaves out nils at the end.
fn frame(record: &LogRecord<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    if record.instance.is_some() {
        record.encode_frame(&mut frame);
        return frame;
    }
    let mut with_instance = record.clone();
    // It takes one byte, as nil does.
    with_instance.instance = Some(0);
    with_instance.encode_frame(&mut frame);
    frame.pop();
    frame.push(0xc0);
    frame
}
