//! The parts of an event.

use std::{error::Error, fmt};

use record_proto::Value;

use crate::support::one;

#[test]
fn an_event_becomes_a_record_with_its_call_site() {
    let line = line!() + 1;
    let record = one(|| tracing::warn!(target: "app::db", "{} rows in {}", 7, "jobs"));
    assert_eq!(record.level, log::Level::Warn);
    assert_eq!(
        (&*record.target, &*record.message),
        ("app::db", "7 rows in jobs")
    );
    assert_eq!(record.module_path.as_deref(), Some(module_path!()));
    assert_eq!(
        (record.file.as_deref(), record.line),
        (Some(file!()), Some(line))
    );
    assert!(record.time > 0 && record.pid.is_some() && record.thread.is_some());
    assert!(record.key_values.is_empty(), "{:?}", record.key_values);
    assert!(record.spans.is_empty());
}

#[test]
fn each_level_is_kept() {
    use log::Level;
    assert_eq!(one(|| tracing::error!("x")).level, Level::Error);
    assert_eq!(one(|| tracing::info!("x")).level, Level::Info);
    assert_eq!(one(|| tracing::debug!("x")).level, Level::Debug);
    assert_eq!(one(|| tracing::trace!("x")).level, Level::Trace);
}

#[test]
fn fields_keep_their_types() {
    let record = one(|| {
        tracing::info!(
            signed = -7_i64,
            unsigned = u64::MAX,
            small = -7_i128,
            large = u128::MAX,
            float = 1.5,
            bool = true,
            text = "a b",
            bytes = &b"\x00\xff"[..],
            display = %Shown,
            debug = ?Shown,
            none = None::<u64>,
            "done"
        );
    });
    let large = u128::MAX.to_string();
    let expected: [(&str, Value<'_>); 10] = [
        ("signed", Value::I64(-7)),
        ("unsigned", Value::U64(u64::MAX)),
        ("small", Value::I64(-7)),
        ("large", large.into()),
        ("float", Value::F64(1.5)),
        ("bool", Value::Bool(true)),
        ("text", "a b".into()),
        ("bytes", Value::Bytes(b"\x00\xff"[..].into())),
        ("display", "displayed".into()),
        ("debug", "debugged".into()),
    ];
    let found: Vec<_> = record.key_values.iter().collect();
    assert_eq!(found, expected);
    assert_eq!(record.message, "done");
}

#[test]
fn the_first_error_keeps_its_sources_and_further_ones_are_one_text() {
    let record = one(|| {
        let error = Failure(Some(Box::new(Failure(None))));
        let error: &(dyn Error + 'static) = &error;
        tracing::error!(error, again = error, "failed");
    });
    let info = record.error.expect("an error");
    assert_eq!(
        (info.key.as_deref(), &*info.message),
        (Some("error"), "outer")
    );
    assert_eq!(info.sources.iter().collect::<Vec<_>>(), ["inner"]);
    assert_eq!(record.key_values.get("error"), Some("outer".into()));
    assert_eq!(record.key_values.get("again"), Some("outer: inner".into()));
}

#[test]
fn an_event_has_its_name_as_a_key_value_if_it_was_given_one() {
    let record = one(|| tracing::info!(name: "login", user = 7, "hello"));
    let found: Vec<_> = record.key_values.iter().collect();
    assert_eq!(found, [("event.name", "login".into()), ("user", 7.into())]);
    let record = one(|| tracing::info!(name: "event of mine", "hello"));
    assert_eq!(
        record.key_values.get("event.name"),
        Some("event of mine".into())
    );
}

#[test]
fn a_message_may_be_missing_or_a_field() {
    let record = one(|| tracing::info!(user = 7));
    assert_eq!((&*record.message, record.key_values.len()), ("", 1));
    let record = one(|| tracing::info!(user = 7, message = "as a field"));
    assert_eq!(
        (&*record.message, record.key_values.len()),
        ("as a field", 1)
    );
    let record = one(|| tracing::info!(message = 7));
    assert_eq!((&*record.message, record.key_values.len()), ("7", 0));
}

struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("displayed")
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("debugged")
    }
}

#[derive(Debug)]
struct Failure(Option<Box<Failure>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "outer" } else { "inner" })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_deref()?)
    }
}
