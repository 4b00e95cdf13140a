//! `RecordSource`: the key-values of a record that has more than scalars, for any logger.

use log::kv::{self, Key, ToValue};

use super::log_record::LogRecord;
use crate::kv::{ChainedError, KeyValues, Value};

/// The key-values of any record in the form in which `log` hands them to a logger. Records with only scalars, which are
/// most, do not need it.
///
/// A logger's visitor may keep references to the values as long as this source lives. Numbers and texts borrow from the
/// record. Values that have to be built first (structures, bytes, errors) are built once and kept here. Most records
/// have none of them, and then nothing is allocated.
pub(crate) struct RecordSource<'a> {
    record: &'a LogRecord<'a>,
    built: Vec<Value<'a>>,
    error: Option<KeyedError<'a>>,
}

/// The record's error, if it is one of the key-values.
struct KeyedError<'a> {
    key: &'a str,
    message: &'a str,
    chain: ChainedError,
}

impl KeyedError<'_> {
    fn is_pair(&self, key: &str, text: &str) -> bool {
        self.key == key && self.message == text
    }
}

impl<'a> RecordSource<'a> {
    pub(crate) fn new(record: &'a LogRecord<'a>) -> Self {
        let built = pairs(record)
            .filter(|(_, value)| borrowed(value).is_none())
            .map(|(_, value)| value)
            .collect();
        let error = record.error.as_ref().and_then(|error| {
            Some(KeyedError {
                key: error.key.as_deref()?,
                message: &error.message,
                chain: error.to_error(),
            })
        });
        Self {
            record,
            built,
            error,
        }
    }

    fn backtrace(&self) -> Option<&str> {
        self.record.error.as_ref()?.backtrace.as_deref()
    }
}

impl kv::Source for RecordSource<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        let mut built = self.built.iter();
        let mut error = self.error.as_ref();
        for (key, pair) in pairs(self.record) {
            let mut value = borrowed(&pair).or_else(|| Some(built.next()?.to_value()));
            // The text is compared too, because another pair may have the same key.
            let is_error = matches!(&pair, Value::Str(text) if error.is_some_and(|error| error.is_pair(key, text)));
            if is_error && let Some(KeyedError { chain, .. }) = error.take() {
                value = Some(kv::Value::from_dyn_error(chain));
            }
            visitor.visit_pair(Key::from_str(key), value.unwrap_or_else(kv::Value::null))?;
        }
        if !self.record.spans.is_empty() {
            self.record.spans.visit(visitor)?;
        }
        if let Some(batch) = &self.record.batch {
            visitor.visit_pair(Key::from_str("batch"), kv::Value::from_display(batch))?;
        }
        match self.backtrace() {
            Some(backtrace) => visitor.visit_pair(Key::from_str("backtrace"), backtrace.into()),
            None => Ok(()),
        }
    }

    fn count(&self) -> usize {
        let record = self.record;
        let added = [
            !record.spans.is_empty(),
            record.batch.is_some(),
            self.backtrace().is_some(),
        ];
        let added: usize = added.into_iter().map(usize::from).sum();
        record.key_values.len() + record.context.len() + added
    }
}

/// Key-values in the form in which `log` hands them to a logger.
#[derive(Debug)]
pub struct PairSource<'a> {
    pairs: &'a KeyValues<'a>,
    /// Values that do not borrow from the pairs, such as structures.
    built: Vec<Value<'a>>,
}

impl<'a> PairSource<'a> {
    /// Creates a source of these key-values.
    pub fn new(pairs: &'a KeyValues<'a>) -> Self {
        let values = pairs.iter().map(|(_, value)| value);
        let built = values.filter(|value| borrowed(value).is_none()).collect();
        Self { pairs, built }
    }
}

impl kv::Source for PairSource<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        let mut built = self.built.iter();
        for (key, pair) in self.pairs.iter() {
            let value = borrowed(&pair).or_else(|| Some(built.next()?.to_value()));
            visitor.visit_pair(Key::from_str(key), value.unwrap_or_else(kv::Value::null))?;
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.pairs.len()
    }
}

#[inline]
fn pairs<'a>(record: &'a LogRecord<'_>) -> impl Iterator<Item = (&'a str, Value<'a>)> {
    record.key_values.iter().chain(record.context.iter())
}

/// Returns the value for `log` if it borrows from the record only, so that nothing has to be built.
#[inline]
fn borrowed<'a>(value: &Value<'a>) -> Option<kv::Value<'a>> {
    use std::borrow::Cow;
    Some(match value {
        Value::Nil => kv::Value::null(),
        Value::Bool(value) => kv::Value::from(*value),
        Value::I64(value) => kv::Value::from(*value),
        Value::U64(value) => kv::Value::from(*value),
        Value::F64(value) => kv::Value::from(*value),
        Value::Str(Cow::Borrowed(value)) => kv::Value::from(*value),
        _ => return None,
    })
}
