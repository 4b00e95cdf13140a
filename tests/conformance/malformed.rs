//! `conformance/malformed.jsonl` has payloads that a reader must count as malformed, with the reason and its offset.

use std::{env, fs};

use record_proto::Payload;
use serde::Serialize;

use crate::frames::{conformance, hex};

/// The fields of a record up to its message, which is empty.
const RECORD: [u8; 6] = [0x01, 0x02, 0x03, 0xa1, 0x61, 0xa0];

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    frame: String,
    /// The bytes of the payload before the fault.
    offset: usize,
    reason: String,
}

#[test]
fn the_file_has_payloads_that_are_malformed_and_why() {
    let lines: Vec<String> = payloads()
        .iter()
        .map(|(name, bytes)| line(name, bytes))
        .collect();
    let expected = lines.join("\n") + "\n";
    let path = conformance("malformed.jsonl");
    if env::var_os("WRITE_FRAMES").is_some() {
        fs::write(&path, &expected).expect("the file is written");
    }
    let found = fs::read_to_string(&path).expect("the file");
    assert!(
        found == expected,
        "malformed.jsonl is not what record-proto reports: write it again with WRITE_FRAMES=1"
    );
}

fn line(name: &str, payload: &[u8]) -> String {
    let error = Payload::decode(payload).expect_err(name);
    let line = Line {
        name,
        frame: hex(&[&(payload.len() as u32).to_be_bytes(), payload].concat()),
        offset: error.offset(),
        reason: format!("{}: {}", error.part(), error.reason()),
    };
    serde_json::to_string(&line).expect("JSON")
}

fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let five = |fields: &[u8]| [&[0x01, 0x95][..], fields].concat();
    let key_values = |value: &[u8]| [&[0x01, 0x9d][..], &RECORD[..], &[0xc0; 7], value].concat();
    let deep = [&[0x81, 0xa1, 0x6b][..], &[0x91; 9], &[0x01]].concat();
    vec![
        ("empty", vec![]),
        ("kind-is-no-fixint", vec![0xcc, 0x01, 0x90]),
        ("no-array", vec![0x01, 0x80]),
        ("four-fields", vec![0x01, 0x94, 0x01, 0x02, 0x03, 0xa0]),
        (
            "ends-inside-a-text",
            five(&[0x01, 0x02, 0x03, 0xa0, 0xa5, 0x68]),
        ),
        (
            "bytes-after-the-fields",
            five(&[0x01, 0x02, 0x03, 0xa0, 0xa0, 0xc0]),
        ),
        ("seq-is-nil", five(&[0xc0, 0x02, 0x03, 0xa0, 0xa0])),
        ("seq-is-negative", five(&[0xff, 0x02, 0x03, 0xa0, 0xa0])),
        (
            "time-is-a-float",
            five(&[0x01, 0xca, 0x3f, 0x80, 0x00, 0x00, 0x03, 0xa0, 0xa0]),
        ),
        ("level-is-0", five(&[0x01, 0x02, 0x00, 0xa0, 0xa0])),
        ("level-is-6", five(&[0x01, 0x02, 0x06, 0xa0, 0xa0])),
        (
            "target-is-bin",
            five(&[0x01, 0x02, 0x03, 0xc4, 0x01, 0x61, 0xa0]),
        ),
        (
            "message-is-not-utf-8",
            five(&[0x01, 0x02, 0x03, 0xa0, 0xa1, 0xff]),
        ),
        (
            "message-has-a-surrogate",
            five(&[0x01, 0x02, 0x03, 0xa0, 0xa3, 0xed, 0xa0, 0x80]),
        ),
        ("key-values-are-an-array", key_values(&[0x91, 0x01])),
        ("a-key-is-a-number", key_values(&[0x81, 0x01, 0x01])),
        (
            "a-key-of-a-nested-map-is-a-number",
            key_values(&[0x81, 0xa1, 0x6b, 0x81, 0x01, 0x01]),
        ),
        (
            "a-value-is-an-extension",
            key_values(&[0x81, 0xa1, 0x6b, 0xd4, 0x01, 0x00]),
        ),
        (
            "a-value-is-the-reserved-marker",
            key_values(&[0x81, 0xa1, 0x6b, 0xc1]),
        ),
        ("a-value-is-nine-deep", key_values(&deep)),
        (
            "fragment-bytes-are-text",
            vec![0x02, 0x95, 0xc0, 0x01, 0x00, 0xc3, 0xa1, 0x61],
        ),
        (
            "fragment-last-is-a-number",
            vec![0x02, 0x95, 0xc0, 0x01, 0x00, 0x01, 0xc4, 0x00],
        ),
        (
            "close-sent-is-text",
            vec![0x04, 0x94, 0xc0, 0xc0, 0xa1, 0x31, 0x00],
        ),
    ]
}
