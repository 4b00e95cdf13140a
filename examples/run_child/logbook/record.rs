//! A line of `logbook_aiopipe` as a record: the fields of Logbook's `LogRecord.to_dict(json_safe=True)`.

use std::borrow::Cow;

use jiff::{civil::DateTime, tz::TimeZone};
use log::Level;
use record_proto::{KeyValues, LogRecord, Value};

use super::{error::error, json};

/// Reads a line without its end.
///
/// A field that a record has no place for becomes a key-value, and so does one that has an unexpected type. Fields that
/// say nothing are left out.
pub(super) fn parse(line: &[u8]) -> Result<LogRecord<'static>, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let Value::Map(fields) = json::parse(text).map_err(|error| error.to_string())? else {
        return Err("no object".to_owned());
    };
    let Some(Value::I64(number)) = fields.get("level") else {
        return Err("no level".to_owned());
    };
    let mut record = LogRecord::new(level(number), "logbook", "");
    record.error = error(&fields);
    if let Some(Value::Map(extra)) = fields.get("extra") {
        record.key_values = extra.into_owned();
    }
    if let Some(error) = &record.error {
        record.key_values.push("error", error.message.to_string());
    }
    if let Some(name) = level_name(number) {
        record.key_values.push("levelname", name);
    }
    for (name, value) in fields.iter() {
        if !says_nothing(&fields, name, &value) && !place(&mut record, name, &value) {
            record.key_values.push(name, value);
        }
    }
    record.truncate_names();
    Ok(record)
}

fn says_nothing(fields: &KeyValues<'_>, name: &str, value: &Value<'_>) -> bool {
    let equals = |other| fields.get(other).as_ref() == Some(value);
    match (name, value) {
        ("message", _) => false,
        (_, Value::Nil) => true,
        ("args", Value::List(args)) => args.iter().next().is_none(),
        ("kwargs", Value::Map(args)) => args.is_empty(),
        ("msg", _) => equals("message"),
        ("greenlet", _) => equals("thread"),
        ("frame_correction", value) => *value == Value::I64(0),
        ("heavy_initialized" | "information_pulled", value) => *value == Value::Bool(true),
        _ => false,
    }
}

/// Puts a field into its place. Returns false if it has none.
fn place(record: &mut LogRecord<'static>, name: &str, value: &Value<'_>) -> bool {
    let placed = match (name, value) {
        ("level", _) => Some(()),
        ("extra", Value::Map(_)) => Some(()),
        ("exception_name" | "exception_message" | "formatted_exception", Value::Str(_)) => {
            record.error.as_ref().map(|_| ())
        }
        ("message", value) => Some(record.message = text(value)),
        ("channel", value) => Some(record.target = text(value)),
        ("time", Value::Str(text)) => time(text).map(|time| record.time = time),
        ("process", Value::I64(pid)) => unsigned(*pid).map(|pid| record.pid = Some(pid)),
        ("thread", Value::I64(ident)) => unsigned(*ident).map(|id| record.thread_id = Some(id)),
        ("lineno", Value::I64(line)) => u32::try_from(*line)
            .ok()
            .map(|line| record.line = Some(line)),
        ("process_name", value @ Value::Str(_)) => Some(record.process = Some(text(value))),
        ("thread_name", value @ Value::Str(_)) => Some(record.thread = Some(text(value))),
        ("module", value @ Value::Str(_)) => Some(record.module_path = Some(text(value))),
        ("filename", value @ Value::Str(_)) => Some(record.file = Some(text(value))),
        _ => None,
    };
    placed.is_some()
}

fn unsigned(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}

fn text(value: &Value<'_>) -> Cow<'static, str> {
    match value {
        Value::Str(text) => text.clone().into_owned().into(),
        other => other.to_string().into(),
    }
}

/// Logbook's levels are TRACE 9, DEBUG 10, INFO 11, NOTICE 12, WARNING 13, ERROR 14 and CRITICAL 15.
fn level(number: i64) -> Level {
    match number {
        14.. => Level::Error,
        13 => Level::Warn,
        11..=12 => Level::Info,
        10 => Level::Debug,
        _ => Level::Trace,
    }
}

/// Returns the name of a level that is not one of the five.
fn level_name(number: i64) -> Option<String> {
    match number {
        9 | 10 | 11 | 13 | 14 => None,
        12 => Some("NOTICE".to_owned()),
        15 => Some("CRITICAL".to_owned()),
        other => Some(other.to_string()),
    }
}

/// Reads a time in nanoseconds since 1970. Logbook does not pad the microseconds: `.47323` is 47,323 us.
fn time(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (seconds, micros) = match text.split_once('.') {
        Some((seconds, micros)) => (
            seconds,
            micros.parse::<u32>().ok().filter(|&us| us < 1_000_000)?,
        ),
        None => (text, 0),
    };
    let seconds: DateTime = seconds.parse().ok()?;
    let seconds = seconds
        .to_zoned(TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_second();
    let nanos = unsigned(seconds)?.checked_mul(1_000_000_000)?;
    nanos.checked_add(u64::from(micros) * 1000)
}
