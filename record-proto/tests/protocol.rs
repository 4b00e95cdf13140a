//! PROTOCOL.md shows the bytes that are sent.

mod common;

use common::{golden, golden_payload};
use record_proto::{FRAGMENT_OVERHEAD, LogRecord, Payload, Progress, Reassembler};

const PAGE: &str = include_str!("../PROTOCOL.md");

/// The examples: a golden frame's name and the bytes on the page, comments left off.
fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let blocks = PAGE.split("```text ").skip(1);
    let example = |block: &'static str| {
        let (content, _) = block.split_once("```").unwrap();
        let (name, lines) = content.split_once('\n').unwrap();
        let digits = lines.lines().flat_map(|line| {
            let (bytes, _comment) = line.split_once('#').unwrap_or((line, ""));
            bytes.split_whitespace()
        });
        let byte = |digits| u8::from_str_radix(digits, 16).unwrap();
        (
            name.strip_suffix(".bin").unwrap(),
            digits.map(byte).collect(),
        )
    };
    blocks.map(example).collect()
}

#[test]
fn the_examples_are_the_golden_frames_byte_for_byte() {
    for (name, bytes) in examples() {
        assert_eq!(bytes, golden(name), "{name}");
    }
}

#[test]
fn every_kind_has_an_example() {
    let mut kinds: Vec<u8> = examples().iter().map(|(_, bytes)| bytes[4]).collect();
    kinds.dedup();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_fragments_of_the_example_are_the_record_that_the_page_says() {
    let mut reassembler = Reassembler::new();
    let mut join = |name| {
        let payload = golden_payload(name);
        let Ok(Payload::Fragment(fragment)) = Payload::decode(&payload) else {
            panic!("{name}");
        };
        reassembler.push(&fragment)
    };
    assert_eq!(join("fragment-first"), Progress::Incomplete);
    let Progress::Complete(payload) = join("fragment-last") else {
        panic!("whole");
    };
    assert_eq!(payload, [0x01, 0x95, 0x01, 0x02, 0x03, 0xa0, 0xa0]);
    assert!(PAGE.contains("`01 95 01 02 03 a0 a0`"));
    let record = LogRecord::decode(&payload).unwrap();
    assert_eq!((record.seq, record.time), (1, 2));
    assert_eq!((&*record.target, &*record.message), ("", ""));
}

#[test]
fn the_numbers_on_the_page_are_those_of_the_crate() {
    let overhead = format!("at most {FRAGMENT_OVERHEAD} bytes beside its piece");
    assert!(PAGE.contains(&overhead));
    let in_python = format!("select.PIPE_BUF - {FRAGMENT_OVERHEAD}");
    assert!(PAGE.contains(&in_python));
    assert_eq!(record_proto::DEFAULT_MAX_FRAME_LENGTH, 64 * 1024);
    assert_eq!(record_proto::DEFAULT_REASSEMBLY_LIMIT, 4 * 1024 * 1024);
    assert_eq!(record_proto::DEFAULT_TEXT_LIMIT, 262_144);
    assert_eq!(record_proto::VERSION, 1);
}
