//! What an event has of its record.

use log::Level;
use pipe_subscriber::{Attach, Escaping, LabelIn, LogRecord, PipeSubscriber};
use record_proto::{Encode, ErrorInfo, KeyValues, List, Value};
use tracing_subscriber::prelude::*;

use crate::support::{Entry, Seen, record, run, stream, within};

#[tokio::test]
async fn an_event_has_the_target_level_place_and_typed_fields_of_its_record() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    for level in Level::iter() {
        let mut record = record(level, "worker::job");
        record.key_values.push("ok", true);
        record.key_values.push("user", 7);
        record.key_values.push("big", u64::MAX);
        record.key_values.push("ms", 1.5);
        record.key_values.push("name", "alpha");
        record.context.push("role", "indexer");
        assert_eq!(run([record]).await.received, 1);
    }

    let events = seen.events();
    let levels: Vec<&str> = events.iter().map(|event| &*event.level).collect();
    assert_eq!(levels, ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]);
    for event in &events {
        assert_eq!(event.target, "worker::job");
        assert_eq!(event.module_path.as_deref(), Some("worker::job"));
        assert_eq!(event.place, Some(("src/job.rs".to_owned(), 7)));
        assert_eq!(event.name, "event src/job.rs:7");
        assert_eq!(event.message, "done");
        let expected = [
            ("ok", "bool true"),
            ("user", "i64 7"),
            ("big", "u64 18446744073709551615"),
            ("ms", "f64 1.5"),
            ("name", "str alpha"),
            ("role", "str indexer"),
        ];
        assert_eq!(event.pairs(), expected);
        assert!(event.spans.is_empty());
    }
}

#[tokio::test]
async fn structures_are_json_text_and_bytes_base64() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = record(Level::Info, "worker");
    let list: List = ["a", "b\"c"].into_iter().collect();
    let map: KeyValues = [("x", 1)].into_iter().collect();
    record.key_values.push("list", list);
    record.key_values.push("map", map);
    record.key_values.push("bytes", &b"abc"[..]);
    record.key_values.push("nil", ());
    run([record]).await;

    let expected = [
        ("list", r#"["a","b\"c"]"#),
        ("map", r#"{"x":1}"#),
        ("bytes", "YWJj"),
        ("nil", "null"),
    ];
    assert_eq!(seen.only().pairs(), expected);
}

#[tokio::test]
async fn an_error_keeps_its_sources_and_a_panic_its_backtrace() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = record(Level::Error, "worker");
    record.key_values.push("err", "cannot open");
    let mut error = ErrorInfo::new("cannot open");
    error.sources = ["no such file", "os error 2"].into_iter().collect();
    error.backtrace = Some("0: main\n1: job".into());
    error.key = Some("err".into());
    record.error = Some(error);
    run([record]).await;

    let event = seen.only();
    assert_eq!(
        event.pairs()[0],
        ("err", "error cannot open: no such file: os error 2")
    );
    let backtrace = ("backtrace", "str \n    0: main\n    1: job");
    assert_eq!(event.pairs()[1], backtrace);
}

#[tokio::test]
async fn the_parents_fields_come_first_and_no_child_can_take_their_names() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = record(Level::Info, "worker");
    record.time = 1_600_000_000_000_000_001;
    record.pid = Some(42);
    record.process = Some("indexer".into());
    record.thread_id = Some(43);
    record.thread = Some("main".into());
    record.key_values.push("message", "another");
    record.key_values.push("label", "w2");
    record.key_values.push("pid", 1);
    record.key_values.push("a", 1);
    record.key_values.push("a", 2);
    record.key_values.push("a_", 3);
    let stream = stream([record]);
    let attach = [
        Attach::Label,
        Attach::Time,
        Attach::Pid,
        Attach::Process,
        Attach::Thread,
        Attach::ThreadId,
    ];
    let logs = PipeSubscriber::new(&stream[..]).label("w1").attach(attach);
    within(logs.run_into_tracing()).await.unwrap();

    let event = seen.only();
    assert_eq!(event.message, "done");
    let expected = [
        ("label", "str w1"),
        ("time", "str 2020-09-13T12:26:40.000000001Z"),
        ("pid", "u64 42"),
        ("process", "str indexer"),
        ("thread", "str main"),
        ("thread_id", "u64 43"),
        ("message_", "str another"),
        ("label_", "str w2"),
        ("pid_", "i64 1"),
        ("a", "i64 1"),
        ("a_", "i64 2"),
        ("a__", "i64 3"),
    ];
    assert_eq!(event.pairs(), expected);
}

#[tokio::test]
async fn the_label_is_shown_in_the_target_or_the_message() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let stream = stream([record(Level::Info, "worker")]);
    for place in [LabelIn::KeyValues, LabelIn::Target, LabelIn::Message] {
        let logs = PipeSubscriber::new(&stream[..]).label("w1").label_in(place);
        within(logs.run_into_tracing()).await.unwrap();
    }
    let shown = |event: &Entry| {
        let label = event.pairs().first().map(|pair| pair.1.to_owned());
        (event.target.clone(), event.message.clone(), label)
    };
    let shown: Vec<_> = seen.events().iter().map(shown).collect();
    let text = |text: &str| text.to_owned();
    let expected = [
        (text("worker"), text("done"), Some(text("str w1"))),
        (text("w1/worker"), text("done"), None),
        (text("worker"), text("[w1] done"), None),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn controls_are_escaped_in_texts_names_targets_and_spans() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = LogRecord::new(Level::Info, "wor\u{1b}ker", "do\u{1b}ne");
    record.key_values.push("k\u{1b}", "v\u{1b}");
    let fields: KeyValues = [("f\u{1b}", "x\u{1b}\ny")].into_iter().collect();
    record.spans.push("re\u{1b}q", &fields);
    let stream = stream([record]);
    for escaping in [Escaping::Controls, Escaping::Off] {
        let logs = PipeSubscriber::new(&stream[..]).escaping(escaping);
        within(logs.run_into_tracing()).await.unwrap();
    }
    let [escaped, plain] = <[Entry; 2]>::try_from(seen.events()).unwrap();
    assert_eq!(escaped.target, "wor\\u{1b}ker");
    assert_eq!(escaped.message, "do\\u{1b}ne");
    assert_eq!(escaped.pairs(), [("k\\u{1b}", "str v\\u{1b}")]);
    let pair = ("f\\u{1b}".to_owned(), "str x\\u{1b}\n    y".to_owned());
    assert_eq!(escaped.spans, [format!("re\\u{{1b}}q{:?}", [pair])]);
    assert_eq!(plain.target, "wor\u{1b}ker");
    assert_eq!(plain.pairs(), [("k\u{1b}", "str v\u{1b}")]);
}

#[tokio::test]
async fn key_values_beyond_the_limit_of_fields_are_one_field_of_json() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut record = record(Level::Info, "worker");
    for n in 0..100 {
        record.key_values.push(&format!("k{n}"), n);
    }
    record.key_values.push("text", "a\"b");
    run([record]).await;

    let event = seen.only();
    assert!(event.fields.len() <= 31);
    let (last, fields) = event.fields.split_last().unwrap();
    let mut names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(last.0, "more");
    let more: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&last.1).unwrap();
    assert_eq!(more["text"], "a\"b");
    assert_eq!(more["k99"], 99);
    names.extend(more.keys().filter(|key| *key != "text").cloned());
    names.sort();
    let mut expected: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    expected.sort();
    assert_eq!(names, expected, "each one is in one place");
}

#[tokio::test]
async fn the_name_that_a_child_gives_to_an_event_is_its_name() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let mut named = record(Level::Info, "worker");
    named.key_values.push("event.name", "job.done");
    named.key_values.push("job", 7);
    run([named, record(Level::Info, "worker")]).await;

    let [named, other] = <[Entry; 2]>::try_from(seen.events()).unwrap();
    assert_eq!(named.name, "job.done");
    assert_eq!(named.pairs(), [("job", "i64 7")]);
    assert_eq!(other.name, "event src/job.rs:7");
}

/// A record that was decoded whole and a plain one of the same contents make the same event.
#[tokio::test]
async fn long_records_and_short_ones_have_the_same_fields() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    for message in ["short".to_owned(), "x".repeat(1000)] {
        let mut record = record(Level::Info, "worker");
        record.message = message.into();
        record.key_values.push("user", 7);
        record.context.push("role", Value::from("indexer"));
        let mut stream = Vec::new();
        record.encode_frame(&mut stream);
        let logs = PipeSubscriber::new(&stream[..]);
        within(logs.run_into_tracing()).await.unwrap();
    }
    let [short, long] = <[Entry; 2]>::try_from(seen.events()).unwrap();
    assert_eq!(short.message, "short");
    assert_eq!(long.message.len(), 1000);
    assert_eq!(short.fields, long.fields);
}
