//! The frames of hostile children.

use std::sync::LazyLock;

use log::Level;
use pipe_subscriber::{LogRecord, StreamEnd, Summary};
use record_proto::{
    Close, DEFAULT_RECORD_LIMIT, Encode, ErrorInfo, Fragment, Hello, KeyValues, List, Value, split,
};

use crate::{BUFFERS, HANDING_ON, JOINING, LARGEST, LONGEST, PROCESSES};

/// A kind of hostile child.
pub(crate) struct Hostility {
    pub(crate) name: &'static str,
    /// Returns the bytes that the child writes in place of the frame of this number.
    pub(crate) frame: fn(u64) -> Vec<u8>,
    /// The number of frames. After them the child only keeps its pipe open.
    pub(crate) times: u64,
    /// The most memory that the parent may hold for the child, in bytes.
    pub(crate) bound: isize,
    /// Returns whether a summary shows that the frames arrived.
    pub(crate) happened: fn(&Summary) -> bool,
}

/// The last four take a reader much longer than the others.
pub(crate) const HOSTILE: [Hostility; 12] = [
    Hostility {
        name: "half a frame",
        frame: half_a_frame,
        times: 1,
        bound: BUFFERS,
        happened: |s| s.end == StreamEnd::Truncated,
    },
    Hostility {
        name: "first fragments",
        frame: |n| fragment(n, 0, 60_000),
        times: 150,
        bound: BUFFERS + JOINING,
        happened: |s| s.evicted > 50 && s.incomplete > 30,
    },
    Hostility {
        name: "a record without end",
        frame: |n| fragment(0, n, 60_000),
        times: 150,
        bound: BUFFERS + JOINING,
        happened: |s| s.malformed == 1 && s.evicted == 0,
    },
    Hostility {
        name: "unknown kinds",
        frame: |n| frame(&[6 + (n % 122) as u8, 0x90]),
        times: 3000,
        bound: BUFFERS,
        happened: |s| s.unknown == 3000,
    },
    Hostility {
        name: "payloads that are none",
        frame: malformed,
        times: 3000,
        bound: BUFFERS,
        happened: |s| s.malformed == 3000,
    },
    Hostility {
        name: "lengths of 2^32",
        frame: promises,
        times: 1000,
        bound: BUFFERS,
        happened: |s| s.malformed == 1000,
    },
    Hostility {
        name: "depth",
        frame: deep,
        times: 5,
        bound: BUFFERS,
        happened: |s| s.malformed == 2,
    },
    Hostility {
        name: "an impossible length",
        frame: |_| vec![0xff; 30_000],
        times: 500,
        bound: BUFFERS,
        happened: |s| s.end == StreamEnd::Corrupt,
    },
    Hostility {
        name: "texts that act",
        frame: acting,
        times: 5,
        bound: BUFFERS + HANDING_ON,
        happened: |s| s.received == 5,
    },
    Hostility {
        name: "empty fragments",
        frame: |n| fragment(n, 0, 0),
        times: 17_000,
        bound: BUFFERS + JOINING,
        happened: |s| s.evicted > 50 && s.incomplete > 30,
    },
    Hostility {
        name: "processes",
        frame: process,
        times: 1500,
        bound: BUFFERS + PROCESSES,
        happened: |s| s.folded_processes > 400,
    },
    Hostility {
        name: "spoofed pids",
        frame: spoofed,
        times: 2000,
        bound: BUFFERS + PROCESSES,
        happened: |s| s.folded_processes > 400,
    },
];

/// Kinds that take long, and are run one by one.
pub(crate) const PATIENT: [Hostility; 4] = [
    Hostility {
        name: "a million unknown kinds",
        frame: |_| frame(&[99, 0x90]).repeat(1000),
        times: 1000,
        bound: BUFFERS,
        happened: |s| s.unknown == 1_000_000,
    },
    Hostility {
        name: "a million empty payloads",
        frame: |_| [0; 4].repeat(1000),
        times: 1000,
        bound: BUFFERS,
        happened: |s| s.malformed == 1_000_000,
    },
    Hostility {
        name: "as long texts that act as can be joined",
        frame: |n| in_fragments(&LONG_TEXTS, n),
        times: 7,
        bound: LARGEST,
        happened: |s| s.received == 1,
    },
    Hostility {
        name: "as many values as can be joined",
        frame: |n| in_fragments(&MANY_VALUES, n),
        times: 7,
        bound: LARGEST,
        happened: |s| s.received == 1,
    },
];

pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes(), payload].concat()
}

pub(crate) fn encoded(payload: &impl Encode) -> Vec<u8> {
    let mut frame = Vec::new();
    payload.encode_frame(&mut frame);
    frame
}

fn half_a_frame(_: u64) -> Vec<u8> {
    frame(&vec![1; LONGEST])[..LONGEST].to_vec()
}

fn fragment(stream: u64, index: u64, length: usize) -> Vec<u8> {
    let mut fragment: Fragment<'_> = split(&[1], Some(7), stream, 4096).next().expect("a piece");
    (fragment.index, fragment.last, fragment.bytes) = (index, false, vec![1; length].into());
    encoded(&fragment)
}

fn process(number: u64) -> Vec<u8> {
    let mut hello = Hello::new();
    hello.pid = Some(number);
    hello.process = Some("n".repeat(1000).into());
    encoded(&hello)
}

/// Returns records and close frames in the name of other processes, including the parent.
fn spoofed(number: u64) -> Vec<u8> {
    let mut record = LogRecord::new(Level::Error, "sshd", "accepted");
    record.pid = Some(number * 0x9e37_79b9 % 5000);
    record.process = Some("init".into());
    record.key_values = [("label", "parent"), ("label", "w1")].into_iter().collect();
    let mut close = Close::new();
    (close.pid, close.sent) = (Some(u64::from(std::process::id())), u64::MAX);
    [encoded(&record), encoded(&close)].concat()
}

fn malformed(number: u64) -> Vec<u8> {
    let payloads: [&[u8]; 4] = [&[], &[0xff], &[1, 0x95, 0xc1], &[4, 0x90, 0]];
    frame(payloads[number as usize % payloads.len()])
}

fn promises(number: u64) -> Vec<u8> {
    let markers = [0xdd, 0xdf, 0xdb, 0xc6, 0xc9];
    let marker = markers[number as usize % markers.len()];
    let bombs = [marker, 0xff, 0xff, 0xff, 0xff].repeat(100);
    frame(&[&[4, 0x95, 0xc0, 0xc0, 0, 0], &bombs[..]].concat())
}

/// Returns a field of a later version, or a key-value, that is nested as deep as a frame allows.
fn deep(number: u64) -> Vec<u8> {
    let nested = vec![0x91; LONGEST - 100];
    let later = [&[4, 0x95, 0xc0, 0xc0, 0, 0], &nested[..], &[0xc0]].concat();
    let nils = [0xc0; 7];
    let value = [
        &[1, 0x9d, 1, 2, 3, 0xa0, 0xa0],
        &nils[..],
        &[0x81, 0xa0],
        &nested,
    ]
    .concat();
    frame([&later, &value][number as usize % 2])
}

/// Returns a record in which all text needs escaping, in a message, key-values, context or error sources.
fn acting(number: u64) -> Vec<u8> {
    let mut record = LogRecord::new(Level::Warn, "\u{202e}", "");
    match number % 4 {
        0 => record.message = "\u{1b}".repeat(60_000).into(),
        1 => record.key_values = [("\n", "\u{7f}".repeat(60_000))].into_iter().collect(),
        2 => record.context = (0..10_000).map(|_| ("\r", KeyValues::new())).collect(),
        _ => {
            let mut error = ErrorInfo::new("\u{9b}");
            error.sources = std::iter::repeat_n("\n", 30_000).collect();
            error.key = Some("err".into());
            record.key_values.push("err", "\u{9b}");
            record.error = Some(error);
        }
    }
    encoded(&record)
}

static LONG_TEXTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut record = LogRecord::new(Level::Warn, "", "");
    record
        .key_values
        .push("\u{1b}", "\u{1b}".repeat(DEFAULT_RECORD_LIMIT - 100));
    payload_of(&record)
});

static MANY_VALUES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut record = LogRecord::new(Level::Warn, "", "");
    let lists = (0..DEFAULT_RECORD_LIMIT - 100).map(|_| Value::from(false));
    record.key_values.push("", lists.collect::<List<'_>>());
    payload_of(&record)
});

fn payload_of(record: &LogRecord<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    record.encode(&mut payload);
    assert!((DEFAULT_RECORD_LIMIT - 100..DEFAULT_RECORD_LIMIT).contains(&payload.len()));
    payload
}

/// Returns a fragment of a payload.
fn in_fragments(payload: &[u8], number: u64) -> Vec<u8> {
    let piece = split(payload, Some(7), 1, 60_000).nth(number as usize);
    encoded(&piece.expect("not more pieces than that"))
}
