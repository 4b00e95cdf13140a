//! From a record of a child to a record of OpenTelemetry: with the child's time, and with structure in its key-values.
//!
//! Nothing here is specific to this program: copy the file if opentelemetry-appender-log, which sets no time, is not
//! enough.

use std::iter;

use log::Level;
use opentelemetry::{
    Key,
    logs::{AnyValue, LogRecord as _, Logger, Severity},
};
use record_proto::{ErrorInfo, KeyValues, LogRecord, Value};

/// Emits a record of a child. Names of attributes are those of the semantic conventions, where these have one.
pub fn emit(logger: &impl Logger, record: &LogRecord<'_>) {
    let mut out = logger.create_log_record();
    out.set_timestamp(record.timestamp());
    out.set_severity_number(severity(record.level));
    out.set_severity_text(record.level.as_str());
    out.set_target(record.target.to_string());
    out.set_body(text(&record.message));
    out.add_attributes(attributes(&record.key_values));
    out.add_attributes(attributes(&record.context));

    let number = |number: u64| AnyValue::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let error = record.error.as_ref();
    let optional = [
        ("process.pid", record.pid.map(number)),
        (
            "process.executable.name",
            record.process.as_deref().map(text),
        ),
        ("thread.id", record.thread_id.map(number)),
        ("thread.name", record.thread.as_deref().map(text)),
        ("code.file.path", record.file.as_deref().map(text)),
        (
            "code.line.number",
            record.line.map(|line| AnyValue::Int(line.into())),
        ),
        (
            "exception.message",
            error.map(|error| text(&with_sources(error))),
        ),
        (
            "exception.stacktrace",
            error.and_then(|error| error.backtrace.as_deref()).map(text),
        ),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            out.add_attribute(key, value);
        }
    }
    logger.emit(out);
}

/// The texts of an error and its sources, as `anyhow` prints them with `{:#}`.
fn with_sources(error: &ErrorInfo<'_>) -> String {
    iter::once(&*error.message)
        .chain(error.sources.iter())
        .collect::<Vec<_>>()
        .join(": ")
}

fn attributes(pairs: &KeyValues<'_>) -> Vec<(Key, AnyValue)> {
    pairs
        .iter()
        .map(|(key, value)| (key.to_owned().into(), any_value(&value)))
        .collect()
}

fn any_value(value: &Value<'_>) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::Boolean(*value),
        Value::I64(value) => AnyValue::Int(*value),
        Value::F64(value) => AnyValue::Double(*value),
        Value::Str(value) => text(value),
        Value::Bytes(value) => AnyValue::Bytes(Box::new(value.to_vec())),
        Value::List(list) => {
            AnyValue::ListAny(Box::new(list.iter().map(|item| any_value(&item)).collect()))
        }
        Value::Map(map) => AnyValue::Map(Box::new(attributes(map).into_iter().collect())),
        // OpenTelemetry's integers end at `i64::MAX`, and it has no name for nothing.
        other => text(&other.to_string()),
    }
}

fn text(text: &str) -> AnyValue {
    AnyValue::String(text.to_owned().into())
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::Error,
        Level::Warn => Severity::Warn,
        Level::Info => Severity::Info,
        Level::Debug => Severity::Debug,
        Level::Trace => Severity::Trace,
    }
}
