//! Serde for records: an object of the names that the example programs print as JSON.

use std::{borrow::Cow, time::UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::batch_info::{BatchInfo, BatchReason};
use super::log_record::LogRecord;
use super::spans::{Span, Spans};
use crate::kv::{ErrorInfo, KeyValues};

/// The serialized form of a record.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Shape<'a> {
    #[serde(serialize_with = "write_time", deserialize_with = "read_time")]
    time: u64,
    #[serde(serialize_with = "write_level", deserialize_with = "read_level")]
    level: log::Level,
    target: Cow<'a, str>,
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tid: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module_path: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    seq: u64,
    #[serde(default, skip_serializing_if = "KeyValues::is_empty")]
    kv: KeyValues<'a>,
    #[serde(default, skip_serializing_if = "KeyValues::is_empty")]
    context: KeyValues<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<ErrorShape<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original_length: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_instance",
        deserialize_with = "read_instance"
    )]
    instance: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spans: Vec<SpanShape<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<BatchShape<'a>>,
}

#[derive(Serialize, Deserialize)]
struct SpanShape<'a> {
    name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "KeyValues::is_empty")]
    fields: KeyValues<'a>,
}

#[derive(Serialize, Deserialize)]
struct BatchShape<'a> {
    reason: Reason<'a>,
    id: u64,
    left: u64,
}

/// The name of a reason, or the number of a reason that has no name.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Reason<'a> {
    Number(u64),
    Name(Cow<'a, str>),
}

#[derive(Serialize, Deserialize)]
struct ErrorShape<'a> {
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backtrace: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
}

impl Serialize for LogRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let error = self.error.as_ref().map(|error| ErrorShape {
            message: borrow(&error.message),
            sources: error.sources.iter().map(Cow::Borrowed).collect(),
            backtrace: error.backtrace.as_deref().map(borrow),
            key: error.key.as_deref().map(borrow),
        });
        Shape {
            time: self.time,
            level: self.level,
            target: borrow(&self.target),
            message: borrow(&self.message),
            pid: self.pid,
            process: self.process.as_deref().map(borrow),
            tid: self.thread_id,
            thread: self.thread.as_deref().map(borrow),
            module_path: self.module_path.as_deref().map(borrow),
            file: self.file.as_deref().map(borrow),
            line: self.line,
            seq: self.seq,
            kv: self.key_values.borrowed(),
            context: self.context.borrowed(),
            error,
            original_length: self.original_length,
            instance: self.instance,
            spans: self.spans.iter().map(span_shape).collect(),
            batch: self.batch.map(batch_shape),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LogRecord<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        let error = shape.error.map(|error| ErrorInfo {
            message: error.message,
            sources: error.sources.into_iter().collect(),
            backtrace: error.backtrace,
            key: error.key,
        });
        let record = LogRecord {
            seq: shape.seq,
            time: shape.time,
            pid: shape.pid,
            process: shape.process,
            thread_id: shape.tid,
            thread: shape.thread,
            module_path: shape.module_path,
            file: shape.file,
            line: shape.line,
            key_values: shape.kv,
            context: shape.context,
            error,
            original_length: shape.original_length,
            instance: shape.instance,
            spans: read_spans(&shape.spans),
            batch: shape.batch.map(read_batch).transpose()?,
            ..LogRecord::empty(shape.level, shape.target, shape.message)
        };
        Ok(record.into_owned())
    }
}

fn span_shape(span: Span<'_>) -> SpanShape<'_> {
    SpanShape {
        name: borrow(span.name),
        fields: span.fields,
    }
}

fn read_spans(shapes: &[SpanShape<'_>]) -> Spans<'static> {
    let mut spans = Spans::new();
    for shape in shapes {
        spans.push(&shape.name, &shape.fields);
    }
    spans
}

fn batch_shape(batch: BatchInfo) -> BatchShape<'static> {
    let reason = match batch.reason {
        BatchReason::Other(number) => Reason::Number(number),
        named => Reason::Name(named.to_string().into()),
    };
    BatchShape {
        reason,
        id: batch.id,
        left: batch.left,
    }
}

fn read_batch<E: de::Error>(shape: BatchShape<'_>) -> Result<BatchInfo, E> {
    let reason = match shape.reason {
        Reason::Number(number) => BatchReason::from_number(number),
        Reason::Name(name) => match &*name {
            "escalation" => BatchReason::Escalation,
            "group" => BatchReason::Group,
            _ => {
                return Err(E::custom(
                    "expected the reason escalation, group or a number",
                ));
            }
        },
    };
    Ok(BatchInfo::new(reason, shape.id, shape.left))
}

fn borrow(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn write_time<S: Serializer>(time: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = UNIX_EPOCH + std::time::Duration::from_nanos(*time);
    serializer.collect_str(&humantime::format_rfc3339_nanos(time))
}

fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let time = humantime::parse_rfc3339(&text).map_err(de::Error::custom)?;
    let since = time.duration_since(UNIX_EPOCH).map_err(de::Error::custom)?;
    u64::try_from(since.as_nanos()).map_err(de::Error::custom)
}

fn write_level<S: Serializer>(level: &log::Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

fn read_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<log::Level, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

fn write_instance<S: Serializer>(instance: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    match instance {
        Some(instance) => serializer.collect_str(&format_args!("{instance:08x}")),
        None => serializer.serialize_none(),
    }
}

fn read_instance<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(deserializer)?;
    let read = |text: Cow<'_, str>| u32::from_str_radix(&text, 16);
    text.map(read).transpose().map_err(de::Error::custom)
}
