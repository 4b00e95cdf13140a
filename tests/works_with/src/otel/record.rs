//! From a record of a child to a record of OpenTelemetry: with the child's time, structure in its key-values, and the
//! span that it names.
//!
//! Nothing here is specific to this program: copy the file if opentelemetry-appender-log, which sets no time, is not
//! enough. Texts are exported as the child wrote them, without escapes.

use std::borrow::Cow;

use log::Level;
use opentelemetry::{
    Key, SpanId, TraceId,
    logs::{AnyValue, LogRecord as _, Logger, Severity},
};
use record_proto::{ErrorInfo, KeyValues, LogRecord, Value};

/// Emits a record of a child. Attributes have names of the semantic conventions, where these have one.
pub fn emit(logger: &impl Logger, label: &str, record: &LogRecord<'_>) {
    let mut out = logger.create_log_record();
    out.set_timestamp(record.timestamp());
    out.set_severity_number(severity(record.level));
    out.set_severity_text(record.level.as_str());
    out.set_target(record.target.to_string());
    out.set_body(text(&record.message));
    if let Some((trace_id, span_id)) = span(&record.key_values) {
        out.set_trace_context(trace_id, span_id, None);
    }
    out.add_attribute("label", text(label));
    out.add_attributes(attributes(&record.key_values));
    out.add_attributes(attributes(&record.context));
    let numbers = [
        ("process.pid", record.pid),
        ("thread.id", record.thread_id),
        ("code.line.number", record.line.map(u64::from)),
    ];
    for (key, number) in numbers {
        out.add_attributes(number.map(|number| (key, any_value(number.into()))));
    }
    let error = record.error.as_ref();
    let texts = [
        ("process.executable.name", &record.process),
        ("thread.name", &record.thread),
        ("code.file.path", &record.file),
        ("exception.message", &error.map(with_sources)),
        (
            "exception.stacktrace",
            &error.and_then(|error| error.backtrace.clone()),
        ),
    ];
    for (key, value) in texts {
        out.add_attributes(value.as_deref().map(|value| (key, text(value))));
    }
    logger.emit(out);
}

/// The span that the child was in, if it logs the key-values `trace_id` and `span_id`.
fn span(pairs: &KeyValues<'_>) -> Option<(TraceId, SpanId)> {
    let trace_id = pairs.get("trace_id")?.to_string();
    let span_id = pairs.get("span_id")?.to_string();
    Some((
        TraceId::from_hex(&trace_id).ok()?,
        SpanId::from_hex(&span_id).ok()?,
    ))
}

/// The texts of an error and of its sources.
fn with_sources<'a>(error: &ErrorInfo<'a>) -> Cow<'a, str> {
    let text = error.message.to_string();
    error
        .sources
        .iter()
        .fold(text, |text, source| text + ": " + source)
        .into()
}

fn attributes(pairs: &KeyValues<'_>) -> Vec<(Key, AnyValue)> {
    let attribute = |(key, value): (&str, Value<'_>)| (Key::from(key.to_owned()), any_value(value));
    pairs.iter().map(attribute).collect()
}

fn any_value(value: Value<'_>) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::Boolean(value),
        Value::I64(value) => AnyValue::Int(value),
        Value::F64(value) => AnyValue::Double(value),
        Value::Bytes(value) => AnyValue::Bytes(Box::new(value.into_owned())),
        Value::List(list) => AnyValue::ListAny(Box::new(list.iter().map(any_value).collect())),
        Value::Map(map) => AnyValue::Map(Box::new(attributes(&map).into_iter().collect())),
        // Texts, and integers above `i64::MAX`, which OpenTelemetry does not have.
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
