//! `Fields`: the fields of an event or a span, in order and with their types.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use arrayvec::ArrayVec;
use record_proto::{KeyValues, LogRecord, RecordView, Value};
use tracing_core::field::{self, DisplayValue};

use super::shown::Shown;
use crate::dispatch::attach::Attach;

/// The most fields of an event or a span. The macros of tracing had this limit too, and so some subscribers may.
pub(super) const MAX_FIELDS: usize = 32;

/// The fields that may still follow the child's own: `more`, `batch` and `backtrace`.
const RESERVED_FIELDS: usize = 3;

/// The key-value by which a child gives an event a name of its own.
const EVENT_NAME: &str = "event.name";

/// Values in the form in which tracing takes them.
pub(super) type Values<'v> = ArrayVec<Option<&'v dyn field::Value>, MAX_FIELDS>;

/// The names of fields as the child wrote them, so that two may be equal, and their values.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) names: ArrayVec<&'a str, MAX_FIELDS>,
    values: ArrayVec<FieldValue<'a>, MAX_FIELDS>,
    /// The name that the child gave to the event.
    pub(super) event_name: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Adds the fields of an event: the message, those that the parent attaches, and the child's own.
    #[inline]
    pub(super) fn add_event(&mut self, shown: &Shown<'a>) {
        self.push("message", FieldValue::message(shown));
        for &attach in shown.attach {
            self.push(attach.key(), FieldValue::attached(attach, shown));
        }
        let record = shown.record;
        for (position, (key, value)) in record.values().enumerate() {
            if self.names.remaining_capacity() <= RESERVED_FIELDS {
                self.push("more", FieldValue::rest(Pairs::Record(record), position));
                break;
            }
            match value {
                Value::Str(Cow::Borrowed(name)) if key == EVENT_NAME => {
                    self.event_name = Some(name);
                }
                value => self.push(key, FieldValue::from(value)),
            }
        }
        if let Some(whole) = record.whole() {
            self.add_other_parts(whole);
        }
    }

    /// Adds the fields of a span.
    pub(super) fn add_span(&mut self, pairs: &'a KeyValues<'a>) {
        for (position, (key, value)) in pairs.iter().enumerate() {
            if self.names.remaining_capacity() <= RESERVED_FIELDS {
                self.push("more", FieldValue::rest(Pairs::Span(pairs), position));
                break;
            }
            self.push(key, FieldValue::from(value));
        }
    }

    /// Adds a field, if there is room.
    #[inline]
    pub(super) fn push(&mut self, name: &'a str, value: FieldValue<'a>) {
        if self.names.try_push(name).is_ok() {
            self.values.push(value);
        }
    }

    #[inline]
    pub(super) fn values(&self) -> Values<'_> {
        self.values.iter().map(FieldValue::to_tracing).collect()
    }

    /// Turns the text that is the record's error into an error with its sources, and adds the parts that are no
    /// key-values.
    #[cold]
    fn add_other_parts(&mut self, whole: &'a LogRecord<'a>) {
        if let Some(error) = &whole.error {
            let is_error = |(name, value): (&&str, &FieldValue<'_>)| {
                error.key.as_deref() == Some(*name)
                    && matches!(value, FieldValue::Str(text) if *text == error.message)
            };
            if let Some(position) = self.names.iter().zip(&self.values).position(is_error) {
                self.values[position] = FieldValue::Error(Box::new(error.to_error()));
            }
        }
        if let Some(batch) = &whole.batch {
            self.push("batch", FieldValue::Text(batch.to_string()));
        }
        if let Some(backtrace) = backtrace(whole) {
            self.push("backtrace", FieldValue::Str(backtrace));
        }
    }
}

/// Returns the backtrace of a panic.
pub(super) fn backtrace<'a>(whole: &'a LogRecord<'_>) -> Option<&'a str> {
    whole.error.as_ref()?.backtrace.as_deref()
}

/// The value of a field.
pub(super) enum FieldValue<'a> {
    /// The field has no value in this event.
    Absent,
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Str(&'a str),
    Text(String),
    /// Nil, bytes as base64, lists and maps as JSON.
    Other(DisplayValue<Value<'a>>),
    Message(DisplayValue<Message<'a>>),
    Rest(DisplayValue<Rest<'a>>),
    Error(Box<dyn Error>),
}

impl<'a> FieldValue<'a> {
    pub(super) fn message(shown: &Shown<'a>) -> Self {
        Self::Message(field::display(Message {
            prefix: shown.prefix.unwrap_or_default(),
            text: shown.record.message,
        }))
    }

    /// Returns a value that the parent attaches.
    pub(super) fn attached(attach: Attach, shown: &Shown<'a>) -> Self {
        let record = shown.record;
        let number = |number: Option<u64>| number.map(FieldValue::U64);
        let value = match attach {
            Attach::Label => shown.label.map(FieldValue::Str),
            Attach::Time => {
                let time = UNIX_EPOCH + Duration::from_nanos(record.time);
                let time = humantime::format_rfc3339_nanos(time).to_string();
                Some(FieldValue::Text(time))
            }
            Attach::Pid => number(record.origin.pid),
            Attach::Process => record.process.map(FieldValue::Str),
            Attach::Thread => record.origin.thread.as_deref().map(FieldValue::Str),
            Attach::ThreadId => number(record.origin.thread_id),
        };
        value.unwrap_or(FieldValue::Absent)
    }

    /// Returns the pairs from `start` as one JSON object.
    pub(super) fn rest(pairs: Pairs<'a>, start: usize) -> Self {
        Self::Rest(field::display(Rest { pairs, start }))
    }

    #[inline]
    pub(super) fn to_tracing(&self) -> Option<&dyn field::Value> {
        Some(match self {
            Self::Absent => return None,
            Self::Bool(value) => value,
            Self::I64(value) => value,
            Self::U64(value) => value,
            Self::F64(value) => value,
            Self::Str(value) => value,
            Self::Text(value) => value,
            Self::Other(value) => value,
            Self::Message(value) => value,
            Self::Rest(value) => value,
            Self::Error(value) => value,
        })
    }
}

impl<'a> From<Value<'a>> for FieldValue<'a> {
    #[inline]
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::I64(value) => Self::I64(value),
            Value::U64(value) => Self::U64(value),
            Value::F64(value) => Self::F64(value),
            Value::Str(Cow::Borrowed(value)) => Self::Str(value),
            Value::Str(Cow::Owned(value)) => Self::Text(value),
            other => Self::Other(field::display(other)),
        }
    }
}

/// A message after the label, if that is shown there.
pub(super) struct Message<'a> {
    prefix: &'a str,
    text: &'a str,
}

impl fmt::Display for Message<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.prefix.is_empty() {
            f.write_str(self.prefix)?;
        }
        f.write_str(self.text)
    }
}

/// The pairs of a record or of a span.
pub(super) enum Pairs<'a> {
    Record(&'a RecordView<'a>),
    Span(&'a KeyValues<'a>),
}

/// The pairs from one on, as one JSON object. They are read when they are printed.
pub(super) struct Rest<'a> {
    pairs: Pairs<'a>,
    start: usize,
}

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pairs {
            Pairs::Record(record) => write_object(record.values().skip(self.start), f),
            Pairs::Span(pairs) => write_object(pairs.iter().skip(self.start), f),
        }
    }
}

fn write_object<'p>(
    pairs: impl Iterator<Item = (&'p str, Value<'p>)>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str("{")?;
    for (position, (key, value)) in pairs.enumerate() {
        // One pair after the other, because adding to a map copies all that it has.
        let mut pair = KeyValues::new();
        pair.push(key, value);
        let object = pair.to_string();
        f.write_str(if position == 0 { "" } else { "," })?;
        f.write_str(&object[1..object.len() - 1])?;
    }
    f.write_str("}")
}
