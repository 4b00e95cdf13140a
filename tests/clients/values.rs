//! What a record carries: its parts, values of each type, errors, long and odd texts.

use log::Level;
use pipe_subscriber::{LogRecord, StreamEnd};
use record_proto::Value;

use crate::{
    kit::run_child,
    language::Language,
    support::{Outcome, program, within},
};

/// Other alphabets, a character of four bytes, a bell, a colour, a newline, and a line separator.
pub(crate) const UNICODE: &str = "grüße 漢字 🦀 \u{7} \u{1b}[31m \n \u{2028}";

/// Runs a scenario to its end, and asserts that nothing is lost and that the stream is clean.
#[track_caller]
fn complete(language: &Language, scenario: &str) -> Outcome {
    let outcome = language.child(scenario).run();
    outcome.assert_complete();
    outcome
}

#[track_caller]
fn record<'a>(outcome: &'a Outcome, message: &str) -> &'a LogRecord<'static> {
    let found = outcome.records.iter().find(|r| r.message == message);
    found.unwrap_or_else(|| panic!("no record {message:?} among {:?}", outcome.messages()))
}

pub(crate) fn hello(language: &Language) {
    let outcome = complete(language, "hello");
    let [record] = &outcome.records[..] else {
        panic!("{:?}", outcome.records);
    };
    let expected = format!("hello from {}", language.name);
    assert_eq!(record.message.to_lowercase(), expected);
    assert_eq!(record.level, Level::Info);
    assert_eq!(record.target, "clients.hello");
    assert_eq!(record.key_values.to_string(), r#"{"user":"ada","n":7}"#);
    assert_eq!((record.pid, record.seq), (Some(outcome.pid), 1));
    assert!(record.instance.is_some(), "a session has an instance");
}

pub(crate) fn types(language: &Language) {
    let outcome = complete(language, "types");
    let whole = if language.has_floats { "1.0" } else { "1" };
    for (name, expected) in [
        ("null", "null"),
        ("bool", "true"),
        ("int", "-7"),
        ("big", "9007199254740993"),
        ("unsigned", "18446744073709551615"),
        ("float", "1.5"),
        ("whole", whole),
        ("text", "\"x\""),
        ("list", "[1,\"a\",null]"),
        ("map", "{\"a\":1,\"b\":[true]}"),
    ] {
        let pairs = record(&outcome, name).key_values.to_string();
        assert_eq!(pairs, format!("{{\"value\":{expected}}}"), "{name}");
    }
}

pub(crate) fn levels(language: &Language) {
    let outcome = complete(language, "types");
    for level in Level::iter() {
        let mut records = outcome.records.iter();
        let found = records.any(|record| record.message == "level" && record.level == level);
        assert!(found, "no record of level {level}");
    }
}

pub(crate) fn error(language: &Language) {
    let outcome = complete(language, "error");
    let record = record(&outcome, "failed");
    assert_eq!(record.level, Level::Error);
    let error = record.error.as_ref().expect("an error");
    assert!(error.message.contains("cannot open"), "{error:?}");
    let sources: Vec<_> = error.sources.iter().collect();
    assert_eq!(sources.len(), 1, "{error:?}");
    assert!(sources[0].contains("no such file"), "{error:?}");
    let key = error.key.as_deref().expect("a key");
    let value = record.key_values.get(key).expect("a value of that key");
    assert_eq!(value, Value::from(&*error.message));
    if language.has_backtraces {
        let backtrace = error.backtrace.as_deref().expect("a backtrace");
        assert!(backtrace.contains("child."), "{backtrace}");
    }
}

/// An error that ends the program arrives as a panic of Rust does, whatever the filter, and the program ends as without
/// the client.
pub(crate) fn uncaught(language: &Language) {
    let child = language.child("uncaught");
    let outcome = within(async {
        child
            .start_as(|spawn| spawn.filter("shop=info"))
            .finish()
            .await
    });
    let [record] = &outcome.records[..] else {
        panic!("{:?}", outcome.messages());
    };
    assert!(!outcome.status.success(), "{}", outcome.status);
    assert_eq!(outcome.summary.end, StreamEnd::Clean);
    assert_eq!((record.level, &*record.target), (Level::Error, "panic"));
    let error = record.error.as_ref().expect("an error");
    assert!(error.message.contains("nobody catches this"), "{error:?}");
    assert_eq!((&error.key, &error.message), (&None, &record.message));
    let backtrace = error.backtrace.as_deref().expect("a backtrace");
    assert!(backtrace.contains("child."), "{backtrace}");
}

pub(crate) fn unicode(language: &Language) {
    let outcome = complete(language, "unicode");
    let record = record(&outcome, UNICODE);
    let pairs: Vec<_> = record.key_values.iter().collect();
    assert_eq!(pairs, [(UNICODE, UNICODE.into())]);
}

pub(crate) fn big(language: &Language) {
    let outcome = complete(language, "big 200000");
    let [big, after] = &outcome.records[..] else {
        panic!("{:?}", outcome.messages());
    };
    assert!(big.message == "x".repeat(200_000), "{}", big.message.len());
    assert_eq!(big.original_length, None);
    assert_eq!(after.message, "after");

    // Longer than a message may be: cut, with its length.
    let outcome = complete(language, "big 1000000");
    let cut = &outcome.records[0];
    assert!((200_000..=256 * 1024).contains(&cut.message.len()));
    assert_eq!(cut.original_length, Some(1_000_000));
}

/// As users see it: through `run_child`.
pub(crate) fn json(language: &Language) {
    let runner = program(run_child());
    let runner = ["--format", "json", "--label", "w1", "--"]
        .into_iter()
        .fold(runner, |runner, arg| runner.arg(arg));
    let command = language.command("hello");
    let (status, out, errors) = command
        .iter()
        .fold(runner, |runner, arg| runner.arg(arg))
        .run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(errors, "");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [record, summary] = &lines[..] else {
        panic!("{out}");
    };
    assert_eq!(record["label"], "w1");
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["kv"]["user"], "ada");
    assert_eq!(record["kv"]["n"], 7);
    assert_eq!(summary["summary"]["received"], 1);
    assert_eq!(summary["summary"]["end"], "clean");
}
