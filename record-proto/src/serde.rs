//! Records for people's tools: the names that the example programs print as JSON.

use std::{borrow::Cow, fmt, time::UNIX_EPOCH};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};

use crate::{ErrorInfo, KeyValues, List, LogRecord, Value, text};

/// The shape in which a record is read and written.
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
            ..LogRecord::empty(shape.level, shape.target, shape.message)
        };
        Ok(record.into_owned())
    }
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

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F64(value) if !value.is_finite() && serializer.is_human_readable() => {
                serializer.collect_str(value)
            }
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Bytes(value) if serializer.is_human_readable() => {
                serializer.collect_str(&text::base64(value))
            }
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::List(value) => value.serialize(serializer),
            Value::Map(value) => value.serialize(serializer),
        }
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Duplicate keys are written as they are.
impl Serialize for KeyValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for List<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::List(list) => Ok(list),
            _ => Err(de::Error::custom("expected a list")),
        }
    }
}

impl<'de> Deserialize<'de> for KeyValues<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Map(map) => Ok(map),
            Value::Nil => Ok(KeyValues::new()),
            _ => Err(de::Error::custom("expected a map with text keys")),
        }
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record's key-values")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.to_owned().into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Self::Value, E> {
        Ok(value.to_owned().into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut values: Vec<Value<'static>> = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values.into_iter().collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        let mut all = KeyValues::new();
        while let Some((key, value)) = pairs.next_entry::<String, Value<'static>>()? {
            all.push(&key, value);
        }
        Ok(Value::Map(all))
    }
}
