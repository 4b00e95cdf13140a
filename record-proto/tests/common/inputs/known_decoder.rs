//! One `RecordDecoder` for many payloads: a record that it takes is the one that `Payload::decode` reads.

use record_proto::{LogRecord, Payload, RecordDecoder, RecordView, has_control};

use super::input::Input;
use super::payloads;
use super::visited::visited;

/// Few inputs of the fuzzer should take much longer than the others.
const MOST_PAYLOADS: usize = 60;

/// Decodes the payloads that the bytes describe in both ways. Returns how many the decoder took.
pub fn check(bytes: &[u8]) -> usize {
    let mut input = Input::new(bytes);
    let mut decoder = RecordDecoder::new();
    let mut taken = 0;
    let mut payloads = Vec::new();
    while !input.is_empty() && payloads.len() < MOST_PAYLOADS {
        let payload = payloads::next(&mut input, &payloads);
        taken += usize::from(compare(&mut decoder, &payload));
        payloads.push(payload);
    }
    taken
}

/// Decodes a payload in both ways. Returns whether the decoder took it or found its error.
pub fn compare(decoder: &mut RecordDecoder, payload: &[u8]) -> bool {
    let decoded = Payload::decode(payload);
    let Some(view) = decoder.decode(payload) else {
        let error = decoder.take_error();
        if let Some(error) = error {
            assert_eq!(decoded, Err(error), "{payload:02x?}");
        }
        return error.is_some();
    };
    let Ok(Payload::Record(record)) = decoded else {
        panic!("{view:?} of {decoded:?}, {payload:02x?}")
    };
    assert_eq!(view.to_record(), record, "{payload:02x?}");
    assert!(view.is_plain());
    same_fields(&view, &record);
    has_no_controls(&record);
    same_keys(&view, &record);
    let shown = view.with_record(shown);
    assert_eq!(shown, record.with_record(self::shown), "{payload:02x?}");
    assert_eq!(shown, view.to_record().with_record(self::shown));
    true
}

fn same_fields(view: &RecordView<'_>, record: &LogRecord<'_>) {
    assert_eq!(
        (view.seq, view.time, view.level, view.line, view.instance),
        (
            record.seq,
            record.time,
            record.level,
            record.line,
            record.instance
        )
    );
    assert_eq!(
        (view.target, view.message, view.process),
        (&*record.target, &*record.message, record.process.as_deref())
    );
    let origin = view.origin;
    assert_eq!(
        (origin.pid, &origin.process, origin.thread_id),
        (record.pid, &record.process, record.thread_id)
    );
    assert_eq!(
        (&origin.thread, &origin.module_path, &origin.file),
        (&record.thread, &record.module_path, &record.file)
    );
}

fn has_no_controls(record: &LogRecord<'_>) {
    let names = [
        &record.process,
        &record.thread,
        &record.module_path,
        &record.file,
    ];
    assert!(!has_control(&record.target) && !has_control(&record.message));
    assert!(!names.into_iter().flatten().any(|name| has_control(name)));
    assert!(!record.key_values.has_control() && !record.context.has_control());
}

/// Both have the same keys, and do not have the same others.
fn same_keys(view: &RecordView<'_>, record: &LogRecord<'_>) {
    let again = view.to_record();
    let all = || record.key_values.iter().chain(record.context.iter());
    let others = payloads::texts().map(|text| -> &str { text });
    for key in all().map(|(key, _)| key).chain(others) {
        let expected = all().any(|(own, _)| own == key);
        assert_eq!(view.contains_key(key), expected, "{key:?} of {record:?}");
        let found = again.with_view(|view| view.contains_key(key));
        assert_eq!(found, expected, "{key:?} of {record:?}");
        let found = record.with_view(|view| view.contains_key(key));
        assert_eq!(found, expected, "{key:?} of {record:?}");
    }
}

/// All that a logger is shown.
fn shown(record: &log::Record<'_>) -> (String, usize, Vec<(String, String)>) {
    let texts = format!(
        "{} {} {} {:?} {:?} {:?}",
        record.level(),
        record.target(),
        record.args(),
        record.module_path(),
        record.file(),
        record.line()
    );
    let pairs = visited(record);
    let count = record.key_values().count();
    assert_eq!(count, pairs.len());
    (texts, count, pairs)
}
