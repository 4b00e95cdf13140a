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
    if let Some(error) = &mut record.error {
        let is_taken = record.key_values.contains_key("error");
        let key = if is_taken { "exc_info" } else { "error" };
        record.key_values.push(key, error.message.to_string());
        error.key = Some(key.into());
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
    match (name, value) {
        ("level", _) | ("extra", Value::Map(_)) => {}
        ("message", _) => record.message = text(value),
        ("channel", _) => record.target = text(value),
        ("exception_name" | "exception_message" | "formatted_exception", Value::Str(_)) => {
            return record.error.is_some();
        }
        (_, Value::Str(_)) => return place_text(record, name, text(value)),
        (_, Value::I64(number)) => return place_number(record, name, *number).is_some(),
        _ => return false,
    }
    true
}

fn place_text(record: &mut LogRecord<'static>, name: &str, text: Cow<'static, str>) -> bool {
    match name {
        "process_name" => record.process = Some(text),
        "thread_name" => record.thread = Some(text),
        "module" => record.module_path = Some(text),
        "filename" => record.file = Some(text),
        "time" => match time(&text) {
            Some(time) => record.time = time,
            None => return false,
        },
        _ => return false,
    }
    true
}

fn place_number(record: &mut LogRecord<'static>, name: &str, number: i64) -> Option<()> {
    match name {
        "process" => record.pid = Some(unsigned(number)?),
        "thread" => record.thread_id = Some(unsigned(number)?),
        "lineno" => record.line = Some(u32::try_from(number).ok()?),
        _ => return None,
    }
    Some(())
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
