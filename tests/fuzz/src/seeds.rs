//! Where fuzzing begins: the golden frames, and what a hostile child would try first.

use record_proto::{Encode, LogRecord, split};

use crate::frames::frame;

/// Payloads that are or were dangerous to some reader of MessagePack or of logs.
pub fn hostile() -> Vec<Vec<u8>> {
    let mut payloads = bombs();
    payloads.extend(texts().map(|text| payload(&spiteful(text))));
    // Who says that it is another process, or none.
    for pid in [None, Some(0), Some(1), Some(u64::MAX)] {
        let mut record = LogRecord::new(log::Level::Error, "sshd", "accepted");
        record.pid = pid;
        payloads.push(payload(&record));
    }
    payloads
}

/// Lengths of 2^32, and depth.
fn bombs() -> Vec<Vec<u8>> {
    let longest = [0xdd, 0xdf, 0xdb, 0xc6, 0xc9].map(|marker| vec![marker, 0xff, 0xff, 0xff, 0xff]);
    let lists = vec![0x91; 100_000];
    let maps = [0x81, 0xa0].repeat(100_000);
    let objects = longest
        .into_iter()
        .chain([lists, maps, vec![0xc1], vec![0xd4, 1, 2]]);
    let places: [&[u8]; 5] = [
        &[1],
        &[1, 0x95, 1, 2, 3, 0xa0],
        // A key-value's value.
        &[
            1, 0x9d, 1, 2, 3, 0xa0, 0xa0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0x81, 0xa1,
            b'k',
        ],
        &[2, 0x95, 0xc0, 7, 0, 0xc2],
        // A field of a later version.
        &[4, 0x95, 0xc0, 0xc0, 0, 0],
    ];
    let at = |object: Vec<u8>| places.map(|place| [place, &object, &[0xc0]].concat());
    objects.flat_map(at).collect()
}

fn texts() -> impl Iterator<Item = &'static str> {
    [
        "\x1b[2J\x1b]0;owned\x07",
        "\n2026-01-01 ERROR root: forged",
        "\r\u{9b}31m\u{7f}",
        "\u{202e}\u{2066}\u{2028}\u{61c}",
        "\u{200b}\u{ad}\u{feff}\u{e0041}\u{fff9}",
    ]
    .into_iter()
}

/// The same text wherever a record can have one, and the parent's own keys.
fn spiteful(text: &str) -> LogRecord<'static> {
    let mut record = LogRecord::new(log::Level::Warn, text.to_owned(), text.to_owned());
    for part in [
        &mut record.process,
        &mut record.thread,
        &mut record.module_path,
        &mut record.file,
    ] {
        *part = Some(text.to_owned().into());
    }
    record.key_values = [
        ("label", text),
        ("label", "w1"),
        ("pid", "1"),
        ("time", text),
        ("err", text),
    ]
    .into_iter()
    .collect();
    record.key_values.push(
        text,
        [(text, text)]
            .into_iter()
            .collect::<record_proto::KeyValues<'_>>(),
    );
    record.context = [("label", text), ("thread", text)].into_iter().collect();
    let mut error = record_proto::ErrorInfo::new(text.to_owned());
    error.sources = [text; 3].into_iter().collect();
    (error.backtrace, error.key) = (Some(text.to_owned().into()), Some("err".into()));
    record.error = Some(error);
    record
}

/// Streams of several processes with frames of all kinds.
pub fn streams(golden: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let all: Vec<u8> = golden.iter().flat_map(|payload| frame(payload)).collect();
    let flood = floods(golden);
    vec![
        [&all, &[0xff; 9][..]].concat(),
        // An impossible length, a length alone, half a frame.
        [0xff; 4].to_vec(),
        [0, 0, 1, 0].to_vec(),
        [0, 0, 0, 9, 1, 0x95].to_vec(),
        // Empty payloads and unknown kinds.
        [0; 4].repeat(30),
        frame(&[99, 0x90]).repeat(30),
        all,
        flood,
    ]
}

/// First fragments that never end, and a record whose fragments interleave with them.
fn floods(golden: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    let longest = golden
        .iter()
        .max_by_key(|payload| payload.len())
        .expect("golden payloads");
    for piece in split(longest, Some(7), 1, 200) {
        piece.encode_frame(&mut stream);
        for other in 0..5 {
            let first = split(longest, Some(7), 1000 + other, 100)
                .next()
                .expect("a piece");
            first.encode_frame(&mut stream);
        }
    }
    stream
}

pub fn payload(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}
