//! A payload: the decoder, all that can be read of what it gives, and the way back.

use std::collections::BTreeMap;

use fuzz::{ceiling, driver, reading, reference};
use record_proto::{Encode, LogRecord, Payload, PayloadError};
use serde::de::IgnoredAny;

fn main() {
    driver::fuzz(one);
}

fn one(bytes: &[u8]) {
    // Decoding allocates nothing but its error.
    let decoded = ceiling::at_most(256, || Payload::decode(bytes));
    reference::agree(bytes, &decoded);
    match &decoded {
        Err(error) => refused(error, bytes.len()),
        Ok(payload) => {
            // P7: what is made of a payload takes 64 times its bytes, and a little for a payload of none.
            ceiling::at_most(64 * bytes.len() + 4096, || read(payload, bytes.len()));
            there_and_back(payload);
        }
    }
}

fn refused(error: &PayloadError, length: usize) {
    assert!(error.offset() <= length);
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(
            text.len() < 200 && text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{text:?}"
        );
    }
}

fn there_and_back(payload: &Payload<'_>) {
    let mut bytes = Vec::new();
    payload.encode(&mut bytes);
    let again = Payload::decode(&bytes).expect("what was decoded can be decoded again");
    assert_eq!(&again, payload);
    let mut frame = Vec::new();
    again.encode_frame(&mut frame);
    assert_eq!(frame[4..], bytes);
}

fn read(payload: &Payload<'_>, length: usize) {
    match payload {
        Payload::Record(record) => read_record(record, length),
        Payload::Hello(hello) => {
            let text = hello.context.to_string();
            // Its own reader would take many times the memory for what it holds.
            let context: BTreeMap<String, IgnoredAny> = serde_json::from_str(&text).expect("JSON");
            assert!(context.len() <= hello.context.len());
        }
        _ => {}
    }
}

fn read_record(record: &LogRecord<'_>, length: usize) {
    record.with_record(|record| reading::read(record, &mut |_, _| {}));

    let (kept, owned) = ceiling::kept_by(|| record.clone().into_owned());
    assert!(kept <= length as isize + 64, "{kept} bytes of {length}");
    assert_eq!(&owned, record);
    drop(owned);

    let text = serde_json::to_string(record).expect("JSON");
    let again: LogRecord<'_> = serde_json::from_str(&text).expect("the same JSON");
    assert_eq!(
        (again.seq, again.time, &again.message),
        (record.seq, record.time, &record.message)
    );
    assert_eq!(serde_json::to_string(&again).expect("JSON"), text);
}
