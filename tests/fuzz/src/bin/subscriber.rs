//! The whole parent's side: a stream of frames in pieces, into a logger that reads everything.

use std::{cell::Cell, iter};

use log::{Log, Metadata, Record};
use pipe_subscriber::{Attach, LabelIn, PipeSubscriber, StreamEnd, Summary};
use record_proto::{LogRecord, Payload, Progress, Reassembler};

use fuzz::{
    ceiling,
    chunks::{Chunks, wait},
    driver,
    frames::{Stop, frame, split},
    input::Input,
    reading::{self, Part},
    safe_text::{assert_safe, assert_safe_lines},
};

fn main() {
    driver::fuzz(one);
}

/// P6: read buffers, a reader's state, figures and reasons.
const BUFFERS: usize = 256 * 1024;

const LONGEST: usize = 64 * 1024;

/// The end of a warning about drops.
const WARNING: &str = "dropped by the child, which found no room for them";

const ORIGINS: [Attach; 6] = [
    Attach::Label,
    Attach::Pid,
    Attach::Time,
    Attach::Process,
    Attach::Thread,
    Attach::ThreadId,
];

struct Settings<'a> {
    reassembly_limit: usize,
    origins: &'a [Attach],
    label: Option<String>,
    label_in: LabelIn,
}

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.u8();
    let settings = Settings {
        reassembly_limit: [4 * 1024 * 1024, 2000][usize::from(choice & 1)],
        origins: &ORIGINS[..[1, 6, 0, 2][usize::from(choice >> 1 & 3)]],
        label: input.maybe(Input::text),
        label_in: [
            LabelIn::KeyValues,
            LabelIn::Target,
            LabelIn::Message,
            LabelIn::KeyValues,
        ][usize::from(choice >> 3 & 3)],
    };
    let steps = input.sized();
    let stream = match choice >> 7 {
        0 => framed(&mut input),
        _ => input.rest().to_vec(),
    };
    let expected = Expected::of(&stream, settings.reassembly_limit);
    // One record at a time is made readable, out of at most all bytes of the stream.
    let most = BUFFERS + settings.reassembly_limit.min(2 * stream.len()) + 64 * stream.len();
    let (summary, logged) = ceiling::at_most(most, || read(&stream, steps, &settings));
    assert_eq!(logged, summary.received);
    expected.check(&summary);
    check_texts(&summary);
}

/// Payloads by a length of two bytes, so that a mutated length does not put all behind it out of step.
fn framed(input: &mut Input<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while !input.is_empty() {
        let length = input.u16();
        stream.extend(frame(input.bytes(usize::from(length))));
    }
    stream
}

fn read(stream: &[u8], steps: &[u8], settings: &Settings<'_>) -> (Summary, u64) {
    let mut subscriber = PipeSubscriber::new(Chunks::new(stream, steps))
        .reassembly_limit(settings.reassembly_limit)
        .label_in(settings.label_in)
        .attach(settings.origins.iter().copied());
    if let Some(label) = &settings.label {
        subscriber = subscriber.label(label.clone());
    }
    let logger = Careful {
        settings,
        logged: Cell::new(0),
    };
    let summary = wait(subscriber.run_into(Shared(&logger))).expect("this reader does not fail");
    (summary, logger.logged.get())
}

/// A terminal's logger that looks twice at what it prints.
struct Careful<'s> {
    settings: &'s Settings<'s>,
    logged: Cell<u64>,
}

struct Shared<'l>(&'l Careful<'l>);

// SAFETY: There is one thread.
unsafe impl Send for Shared<'_> {}
// SAFETY: There is one thread.
unsafe impl Sync for Shared<'_> {}

impl Log for Shared<'_> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        assert_safe(metadata.target());
        assert_labelled(metadata.target(), self.0.settings, LabelIn::Target);
        true
    }

    fn log(&self, record: &Record<'_>) {
        let Careful { settings, logged } = self.0;
        // The warnings about drops are this crate's own records.
        if !record.args().to_string().ends_with(WARNING) {
            logged.set(logged.get() + 1);
        }
        let keys = reading::read(record, &mut |part, text| match part {
            Part::Message => {
                assert_labelled(text, settings, LabelIn::Message);
                assert_safe_lines(text);
            }
            Part::Value => assert_safe_lines(text),
            Part::Other => assert_safe(text),
        });
        assert_own_keys(&keys, settings);
    }

    fn flush(&self) {}
}

/// Up to the first `/` or `]` the text is the parent's: the same for each record, and empty for a child without a label.
fn assert_labelled(text: &str, settings: &Settings<'_>, place: LabelIn) {
    if settings.label_in != place {
        return;
    }
    let claimed = match place {
        LabelIn::Target => text.split_once('/').map(|(label, _)| label),
        _ => text.strip_prefix('[').and_then(|text| {
            let (label, rest) = text.split_once(']')?;
            assert!(rest.starts_with(' '), "{text:?}");
            Some(label)
        }),
    };
    let Some(label) = &settings.label else {
        return assert_eq!(claimed.unwrap_or_default(), "", "{text:?}");
    };
    let claimed = claimed.unwrap_or_else(|| panic!("{text:?}"));
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ']');
    if label.chars().all(is_plain) {
        assert_eq!(claimed, label);
    }
}

/// The parent's keys come first, in their order; behind them nothing has the name of one.
fn assert_own_keys(keys: &[String], settings: &Settings<'_>) {
    let mut keys = keys.iter().map(String::as_str).peekable();
    for origin in settings.origins {
        let here = keys.next_if_eq(&origin.key()).is_some();
        match origin {
            Attach::Label => assert_eq!(
                here,
                settings.label.is_some() && settings.label_in == LabelIn::KeyValues
            ),
            Attach::Time => assert!(here),
            _ => {}
        }
    }
    keys.for_each(|key| {
        assert!(
            !settings.origins.iter().any(|origin| origin.key() == key),
            "{key:?} is forged"
        )
    });
}

type Key = (Option<u64>, Option<u32>);

/// What a summary must say, from the plainest reading of the stream.
#[derive(Default)]
struct Expected {
    received: u64,
    unknown: u64,
    incomplete: u64,
    /// The pid and instance of each process in its order, and whether it closed.
    processes: Vec<(Key, bool)>,
    stop: Option<Stop>,
}

impl Expected {
    fn of(stream: &[u8], reassembly_limit: usize) -> Self {
        let (payloads, stop) = split(stream, LONGEST);
        let mut reassembler = Reassembler::new().with_limit(reassembly_limit);
        let mut expected = Self {
            stop: Some(stop),
            ..Self::default()
        };
        for payload in payloads {
            expected.add(payload, &mut reassembler);
        }
        expected.incomplete = reassembler.open() as u64;
        expected
    }

    fn add(&mut self, payload: &[u8], reassembler: &mut Reassembler) {
        match Payload::decode(payload) {
            Ok(Payload::Record(record)) => self.record(&record),
            Ok(Payload::Fragment(fragment)) => {
                if let Progress::Complete(joined) = reassembler.push(&fragment)
                    && let Ok(record) = LogRecord::decode(&joined)
                {
                    self.record(&record);
                }
            }
            // Without an instance each hello is another process.
            Ok(Payload::Hello(hello)) if hello.pid.is_some() && hello.instance.is_none() => {
                self.processes.push(((hello.pid, None), false))
            }
            Ok(Payload::Hello(hello)) => drop(self.process((hello.pid, hello.instance))),
            Ok(Payload::Dropped(dropped)) => drop(self.process((dropped.pid, dropped.instance))),
            Ok(Payload::Close(close)) => *self.process((close.pid, close.instance)) = true,
            Ok(Payload::Unknown(_)) => self.unknown += 1,
            // A bell is not counted.
            Ok(_) | Err(_) => {}
        }
    }

    fn record(&mut self, record: &LogRecord<'_>) {
        self.received += 1;
        self.process((record.pid, record.instance));
    }

    fn process(&mut self, key: Key) -> &mut bool {
        let known = self.processes.iter().rposition(|process| process.0 == key);
        let place = known.unwrap_or_else(|| {
            self.processes.push((key, false));
            self.processes.len() - 1
        });
        &mut self.processes[place].1
    }

    fn check(&self, summary: &Summary) {
        let figures = [
            summary.received,
            summary.unknown,
            summary.incomplete,
            summary.logger_panics,
        ];
        assert_eq!(figures, [self.received, self.unknown, self.incomplete, 0]);
        // Beyond 1,024 processes, which of them is meant by a pid depends on which were folded.
        if summary.folded_processes > 0 {
            return;
        }
        let closed = !self.processes.is_empty() && self.processes.iter().all(|process| process.1);
        let end = match self.stop {
            Some(Stop::TooLong { .. }) => StreamEnd::Corrupt,
            Some(Stop::Truncated { .. }) => StreamEnd::Truncated,
            _ if closed => StreamEnd::Clean,
            _ => StreamEnd::Eof,
        };
        assert_eq!(summary.end, end);
        let processes: Vec<_> = summary
            .processes
            .iter()
            .map(|process| ((process.pid, process.instance), process.closed))
            .collect();
        assert_eq!(processes, self.processes);
    }
}

fn check_texts(summary: &Summary) {
    let line = summary.to_string();
    for text in iter::once(&line).chain(&summary.reasons) {
        assert_safe(text);
        assert!(text.is_ascii(), "{text:?}");
    }
    serde_json::to_string(summary).expect("JSON");
}
