//! Version 1 frames decode for ever: stored bytes of an independent encoder, in both directions.

#[path = "golden/build.rs"]
mod build;
mod common;
#[path = "golden/others.rs"]
mod others;
#[path = "golden/ours.rs"]
mod ours;

use common::{golden, golden_names, golden_payload};
use others::others;
use ours::ours;
use record_proto::{Encode, LogRecord, Payload, Value};

#[test]
fn golden_frames_are_decoded_to_what_they_say() {
    for (name, expected) in ours().into_iter().chain(others()) {
        let bytes = golden(name);
        let head = u32::from_be_bytes(*bytes.first_chunk().unwrap());
        assert_eq!(head as usize, bytes.len() - 4, "{name}");
        assert_eq!(Payload::decode(&bytes[4..]), Ok(expected), "{name}");
    }
}

#[test]
fn golden_frames_are_encoded_bit_for_bit() {
    for (name, expected) in ours() {
        let mut bytes = Vec::new();
        expected.encode_frame(&mut bytes);
        assert_eq!(bytes, golden(name), "{name} built");

        bytes.clear();
        let frame = golden(name);
        let decoded = Payload::decode(&frame[4..]).unwrap();
        decoded.encode_frame(&mut bytes);
        assert_eq!(bytes, frame, "{name} decoded");
    }
}

#[test]
fn frames_of_older_and_newer_peers_survive_a_round_through_this_version() {
    for (name, expected) in others() {
        let mut bytes = Vec::new();
        expected.encode(&mut bytes);
        assert_eq!(Payload::decode(&bytes), Ok(expected), "{name}");
    }
}

#[test]
fn every_golden_frame_is_checked() {
    let all = ours().into_iter().chain(others());
    let mut checked: Vec<_> = all.map(|(name, _)| name).collect();
    checked.extend(["other-heads", "other-ints", "newer-spans"]);
    checked.sort();
    assert_eq!(checked, golden_names());
}

/// Spans keep their bytes, so that these equal none that are built here.
#[test]
fn spans_of_a_later_version_are_read_as_far_as_they_are_known() {
    let bytes = golden_payload("newer-spans");
    let record = LogRecord::decode(&bytes).unwrap();
    assert_eq!(record.spans.to_string(), "request{id=7}:query");

    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, bytes, "what is not known is handed on");
}

/// Key-values keep their bytes, so that these two equal nothing that is built here.
#[test]
fn numbers_and_lengths_of_any_width_are_read() {
    let bytes = golden_payload("other-ints");
    let record = LogRecord::decode(&bytes).unwrap();
    assert_eq!((record.seq, record.level), (1, log::Level::Info));
    assert_eq!(record.pid, Some(4711));
    assert_eq!(record.thread_id, Some(4712));
    assert_eq!(record.line, Some(42));
    assert_eq!(record.key_values.get("wide"), Some(Value::I64(7)));
    assert_eq!(record.key_values.get("single"), Some(Value::F64(0.5)));

    let bytes = golden_payload("other-heads");
    let record = LogRecord::decode(&bytes).unwrap();
    assert_eq!((&*record.target, &*record.message), ("app", "hello"));
    assert_eq!(record.key_values.len(), 1);
    let job = record.key_values.get("job").unwrap();
    assert_eq!(job.to_string(), r#"["x"]"#);
}
