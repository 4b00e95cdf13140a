//! A record in a logger's hands, and as JSON.

mod common;

use common::{TIME, golden_payload, record_of, visited};
use log::{Level, Log, Metadata, Record, kv};
use proptest::prelude::*;
use record_proto::{
    BatchInfo, BatchReason, Encode, ErrorInfo, KeyValues, List, LogRecord, Payload, Spans, Value,
};
use serde_json::json;

#[test]
fn a_logger_is_shown_every_field_that_it_has_a_place_for() {
    let payload = golden_payload("record-all");
    let record = LogRecord::decode(&payload).unwrap();
    let result = record.with_record(|record| {
        assert_eq!(record.level(), Level::Info);
        assert_eq!(record.target(), "app");
        assert_eq!(record.args().to_string(), "hello");
        assert_eq!(record.module_path(), Some("worker::job"));
        assert_eq!(record.file(), Some("src/job.rs"));
        assert_eq!(record.line(), Some(42));
        "what the closure returns"
    });
    assert_eq!(result, "what the closure returns");
}

#[test]
fn a_record_without_optional_parts_shows_none() {
    record_of("hello").with_record(|record| {
        assert_eq!((record.module_path(), record.file()), (None, None));
        assert_eq!(record.line(), None);
        assert_eq!(record.key_values().count(), 0);
        assert!(visited(record).is_empty());
    });
}

#[test]
fn a_logger_is_shown_each_value_with_its_type() {
    let payload = golden_payload("values-simple");
    let record = LogRecord::decode(&payload).unwrap();
    let expected = [
        ("nil", "null"),
        ("false", "bool false"),
        ("true", "bool true"),
        ("text", "str text"),
        ("empty", "str "),
        ("bytes", "any AP8="),
        ("none", "any "),
    ];
    assert_eq!(record.with_record(visited), owned(expected));

    let mut record = record_of("");
    record.key_values.push("i64", -7);
    record.key_values.push("u64", u64::MAX);
    record.key_values.push("f64", 1.5);
    let expected = [
        ("i64", "i64 -7"),
        ("u64", "u64 18446744073709551615"),
        ("f64", "f64 1.5"),
    ];
    assert_eq!(record.with_record(visited), owned(expected));
}

#[test]
fn a_logger_is_shown_the_spans_and_the_batch_as_one_text_each() {
    let spans = r#"any request{id=7 path="/a"}:query"#;
    let shown = decoded("record-spans").with_record(visited);
    assert_eq!(shown, owned([("spans", spans)]));

    let mut record = decoded("record-batch");
    record.context = [("worker", 3)].into_iter().collect();
    record.with_record(|record| {
        let expected = [("worker", "i64 3"), ("batch", "any escalation 7, 2 left")];
        assert_eq!(visited(record), owned(expected));
        assert_eq!(record.key_values().count(), 2);
    });
}

#[test]
fn the_text_of_spans_has_no_controls() {
    let mut spans = Spans::new();
    let text = "a\n\u{1b}\u{202e}\"";
    spans.push(text, &[(text, text)].into_iter().collect());
    assert!(spans.has_control());
    let expected = r#"a\n\u001b\u202e\"{a\n\u001b\u202e\"="a\n\u001b\u202e\""}"#;
    assert_eq!(spans.to_string(), expected);
}

#[test]
fn the_records_own_pairs_come_first_then_the_context_then_the_backtrace() {
    let mut record = record_of("");
    record.key_values = [("job", 1), ("job", 2)].into_iter().collect();
    record.context = [("worker", 3)].into_iter().collect();
    let mut error = ErrorInfo::new("boom");
    error.backtrace = Some("0: main".into());
    record.error = Some(error);
    record.with_record(|record| {
        let expected = [
            ("job", "i64 1"),
            ("job", "i64 2"),
            ("worker", "i64 3"),
            ("backtrace", "str 0: main"),
        ];
        assert_eq!(visited(record), owned(expected));
        assert_eq!(record.key_values().count(), 4);
    });
}

#[test]
fn lists_and_maps_print_as_json() {
    let payload = golden_payload("values-nested");
    let record = LogRecord::decode(&payload).unwrap();
    record.with_record(|record| {
        let value = |key: &str| record.key_values().get(key.into()).unwrap();
        // With `kv_serde` it is a structure, which prints itself.
        #[cfg(not(feature = "kv_serde"))]
        {
            assert_eq!(value("list").to_string(), r#"[1,"two",[3.0],{"k":null}]"#);
            assert_eq!(value("map").to_string(), r#"{"a":{"b":[]},"c":{}}"#);
        }
        #[cfg(feature = "kv_serde")]
        {
            let json = |key| serde_json::to_value(value(key)).unwrap();
            assert_eq!(json("list"), json!([1, "two", [3.0], { "k": null }]));
            assert_eq!(json("map"), json!({ "a": { "b": [] }, "c": {} }));
        }
    });
}

#[test]
fn the_error_among_the_pairs_is_an_error_with_its_sources_again() {
    let payload = golden_payload("record-error");
    let record = LogRecord::decode(&payload).unwrap();
    let expected = [("err", "error cannot open <- no such file <- os error 2")];
    assert_eq!(record.with_record(visited), owned(expected));

    // Wherever it stands.
    let mut record = record.into_owned();
    let pairs = [("job", "7"), ("err", "cannot open"), ("path", "x")];
    record.key_values = pairs.into_iter().collect();
    let error = "error cannot open <- no such file <- os error 2";
    let expected = [("job", "str 7"), ("err", error), ("path", "str x")];
    assert_eq!(record.with_record(visited), owned(expected));
}

#[test]
fn an_error_without_a_key_of_its_own_replaces_no_pair() {
    for key in [None, Some("elsewhere")] {
        let mut record = record_of("");
        record.key_values.push("err", "text");
        let mut error = ErrorInfo::new("boom");
        error.key = key.map(Into::into);
        record.error = Some(error);
        let expected = [("err", "str text")];
        assert_eq!(record.with_record(visited), owned(expected));
    }
}

#[test]
fn what_a_visitor_is_shown_may_be_kept_while_the_record_is_there() {
    struct Keep<'kvs>(Vec<(kv::Key<'kvs>, kv::Value<'kvs>)>);
    impl<'kvs> kv::VisitSource<'kvs> for Keep<'kvs> {
        fn visit_pair(
            &mut self,
            key: kv::Key<'kvs>,
            value: kv::Value<'kvs>,
        ) -> Result<(), kv::Error> {
            self.0.push((key, value));
            Ok(())
        }
    }
    let payload = golden_payload("record-error");
    let record = LogRecord::decode(&payload).unwrap();
    record.with_record(|record| {
        let mut kept = Keep(Vec::new());
        record.key_values().visit(&mut kept).unwrap();
        assert_eq!(kept.0[0].1.to_string(), "cannot open");
        assert!(kept.0[0].1.to_borrowed_error().is_some());
    });
}

#[test]
fn a_dyn_log_takes_the_record() {
    struct Any(std::sync::Mutex<Vec<String>>);
    impl Log for Any {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Info
        }
        fn log(&self, record: &Record<'_>) {
            let mut lines = self.0.lock().unwrap();
            lines.push(format!("{} {}", record.level(), record.args()));
        }
        fn flush(&self) {}
    }
    let logger = Any(Default::default());
    record_of("hello").with_record(|record| (&logger as &dyn Log).log(record));
    assert_eq!(*logger.0.lock().unwrap(), ["INFO hello"]);
}

#[test]
fn json_has_the_names_of_the_contract_and_no_others() {
    let mut record = decoded("record-all");
    record.error.as_mut().unwrap().backtrace = Some("0: main".into());
    record.instance = Some(0xf_3a1c);
    let expected = json!({
        "time": "2023-11-14T22:13:20.123456789Z",
        "level": "INFO",
        "target": "app",
        "message": "hello",
        "pid": 4711,
        "process": "worker",
        "tid": 4712,
        "thread": "pool-1",
        "module_path": "worker::job",
        "file": "src/job.rs",
        "line": 42,
        "seq": 1,
        "kv": { "err": "cannot open" },
        "context": { "worker": 3 },
        "error": {
            "message": "cannot open",
            "sources": ["no such file", "os error 2"],
            "backtrace": "0: main",
            "key": "err",
        },
        "original_length": 300_000,
        "instance": "000f3a1c",
    });
    assert_eq!(serde_json::to_value(&record).unwrap(), expected);
}

#[test]
fn json_has_spans_as_a_list_and_a_batch_by_its_reason() {
    let record = decoded("record-spans");
    let json = serde_json::to_value(&record).unwrap();
    let expected = json!([
        { "name": "request", "fields": { "id": 7, "path": "/a" } },
        { "name": "query" },
    ]);
    assert_eq!(json["spans"], expected);
    assert_eq!(
        serde_json::from_value::<LogRecord<'_>>(json).unwrap(),
        record
    );

    let mut record = decoded("record-batch");
    for (reason, shown) in [
        (BatchReason::Escalation, json!("escalation")),
        (BatchReason::Group, json!("group")),
        (BatchReason::Other(9), json!(9)),
    ] {
        record.batch = Some(BatchInfo::new(reason, 7, 2));
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(
            json["batch"],
            json!({ "reason": shown, "id": 7, "left": 2 })
        );
        assert_eq!(
            serde_json::from_value::<LogRecord<'_>>(json).unwrap(),
            record
        );
    }
}

#[test]
fn json_leaves_out_what_is_nil() {
    let expected = r#"{"time":"2023-11-14T22:13:20.123456789Z","level":"INFO","target":"app","message":"hello"}"#;
    let json = serde_json::to_string(&record_of("hello")).unwrap();
    assert_eq!(json, expected);

    let mut record = record_of("hello");
    record.error = Some(ErrorInfo::new("boom"));
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["error"], json!({ "message": "boom" }));
}

#[test]
fn json_keeps_the_text_as_it_is() {
    let text = "a\nb\x1b[31m\u{202e}\u{2028}\0ü🦀";
    let json = serde_json::to_string(&record_of(text)).unwrap();
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["message"], text);
}

#[test]
fn json_has_bytes_as_base64_and_what_is_no_number_as_text() {
    let mut record = record_of("");
    record.key_values.push("bytes", &[0, 0xff, 1][..]);
    record.key_values.push("nan", f64::NAN);
    record.key_values.push("inf", f64::INFINITY);
    record.key_values.push("minus", f64::NEG_INFINITY);
    let list: List<'_> = [f64::NAN].into_iter().collect();
    record.key_values.push("list", list);
    let json = serde_json::to_value(&record).unwrap();
    let expected = json!({
        "bytes": "AP8B", "nan": "NaN", "inf": "inf", "minus": "-inf", "list": ["NaN"],
    });
    assert_eq!(json["kv"], expected);
}

#[test]
fn json_keeps_equal_keys_and_their_order() {
    let json = serde_json::to_string(&decoded("values-same-key")).unwrap();
    assert!(
        json.contains(r#""kv":{"job":1,"job":2,"job":"three"}"#),
        "{json}"
    );
    let read: LogRecord<'_> = serde_json::from_str(&json).unwrap();
    assert_eq!(read, decoded("values-same-key"));
}

#[test]
fn every_golden_record_of_plain_types_survives_json() {
    for name in common::golden_names() {
        let payload = golden_payload(&name);
        if let Ok(Payload::Record(record)) = Payload::decode(&payload)
            && !name.starts_with("other-")
            // JSON has no place for what only a later version knows of a span.
            && name != "newer-spans"
            && !["values-simple", "values-floats", "values-long"].contains(&&*name)
        {
            let json = serde_json::to_string(&record).unwrap();
            let read: LogRecord<'_> = serde_json::from_str(&json).unwrap();
            assert_eq!(read, record, "{name}");
        }
    }
}

#[test]
fn values_nested_too_deep_become_their_json() {
    let mut value = Value::from("x");
    for _ in 0..9 {
        value = Value::List([value].into_iter().collect());
    }
    let mut pairs = KeyValues::new();
    pairs.push("deep", value);
    // The innermost list that did not fit any more.
    assert_eq!(pairs.to_string(), r#"{"deep":["[[[[[[[[\"x\"]]]]]]]]"]}"#);
    let mut record = record_of("");
    record.key_values = pairs;
    let payload = common::payload(&record);
    assert_eq!(LogRecord::decode(&payload), Ok(record));
}

proptest! {
    #[test]
    fn any_record_gives_its_pairs_to_a_logger_in_order(record in common::arbitrary::record(20)) {
        let keys = |pairs: &KeyValues<'_>| -> Vec<String> {
            pairs.iter().map(|(key, _)| key.to_owned()).collect()
        };
        let mut expected = [keys(&record.key_values), keys(&record.context)].concat();
        expected.extend((!record.spans.is_empty()).then(|| "spans".to_owned()));
        expected.extend(record.batch.map(|_| "batch".to_owned()));
        if record.error.as_ref().is_some_and(|error| error.backtrace.is_some()) {
            expected.push("backtrace".to_owned());
        }
        let shown = record.with_record(visited);
        let shown: Vec<_> = shown.into_iter().map(|(key, _)| key).collect();
        prop_assert_eq!(shown, expected);
    }

    #[test]
    fn any_record_survives_json_once_its_values_are_of_json(record in common::arbitrary::record(20)) {
        // Bytes and infinities become text the first time and stay what they are from then on.
        let json = serde_json::to_string(&record).unwrap();
        let once: LogRecord<'_> = serde_json::from_str(&json).unwrap();
        let mut expected = record;
        (expected.key_values, expected.context) = (once.key_values.clone(), once.context.clone());
        prop_assert_eq!(names(&once), names(&expected));
        expected.spans = once.spans.clone();
        prop_assert_eq!(&once, &expected);
        let again: LogRecord<'_> =
            serde_json::from_str(&serde_json::to_string(&once).unwrap()).unwrap();
        prop_assert_eq!(again, once);
    }
}

fn names<'r>(record: &'r LogRecord<'_>) -> Vec<&'r str> {
    record.spans.iter().map(|span| span.name).collect()
}

fn decoded(name: &str) -> LogRecord<'static> {
    let payload = golden_payload(name);
    let record = LogRecord::decode(&payload).unwrap().into_owned();
    assert_eq!(record.time, TIME);
    record
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.into(), value.into())).into()
}

#[test]
fn a_frame_is_the_length_and_the_payload_for_every_size() {
    for size in [0, 10, 3_900, 4_096, 10_000, 200_000] {
        let record = LogRecord::new(Level::Info, "target", "x".repeat(size));
        let mut payload = Vec::new();
        record.encode(&mut payload);
        let mut frame = b"before".to_vec();
        record.encode_frame(&mut frame);
        let length = (payload.len() as u32).to_be_bytes();
        assert!(
            frame == [b"before", &length[..], &payload].concat(),
            "{size}"
        );
    }
}
