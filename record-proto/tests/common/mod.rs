//! What several test binaries need; each uses only a part of it.
#![allow(dead_code)]

pub(crate) mod arbitrary;
#[allow(
    unreachable_pub,
    reason = "the fuzz targets include these files too, as a library"
)]
pub(crate) mod inputs;

use std::{fs, path::PathBuf};

use log::Level;
use record_proto::{Encode, LogRecord, Payload, PayloadError, Reason};

#[allow(unused_imports, reason = "not all of the test binaries use it")]
pub(crate) use inputs::visited::visited;

/// A moment within the golden frames.
pub(crate) const TIME: u64 = 1_700_000_000_123_456_789;

pub(crate) fn golden_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A golden frame, its length included.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let path = golden_directory().join(name).with_extension("bin");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The payload of a golden frame.
pub(crate) fn golden_payload(name: &str) -> Vec<u8> {
    golden(name).split_off(4)
}

/// The names of all golden frames, sorted.
pub(crate) fn golden_names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(golden_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn payload(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

pub(crate) fn frame(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode_frame(&mut bytes);
    bytes
}

/// Any payload as a frame, decodable or not.
pub(crate) fn frame_of(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes(), payload].concat()
}

/// The payload of a record with its five required fields and `rest` behind them, `more` fields in all.
pub(crate) fn record_with(more: u8, rest: &[u8]) -> Vec<u8> {
    assert!(more <= 10);
    let head = [1, 0x95 + more, 0, 0, 3, 0xa0, 0xa0];
    [&head, rest].concat()
}

/// The payload of a record whose only key-value has this value.
pub(crate) fn record_with_value(value: &[u8]) -> Vec<u8> {
    let nils = [0xc0; 7];
    record_with(8, &[&nils[..], &[0x81, 0xa1, b'k'], value].concat())
}

pub(crate) fn refused(payload: &[u8]) -> PayloadError {
    Payload::decode(payload).expect_err("a payload that is refused")
}

pub(crate) fn reason(payload: &[u8]) -> Reason {
    refused(payload).reason()
}

pub(crate) fn record_of(message: &str) -> LogRecord<'_> {
    let mut record = LogRecord::new(Level::Info, "app", message);
    record.time = TIME;
    record
}
