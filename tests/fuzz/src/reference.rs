//! A second decoder: rmpv reads the MessagePack, and the tables of PROTOCOL.md are written down here once more.

use log::Level;
use record_proto::{
    BatchInfo, BatchReason, Close, Dropped, ErrorInfo, Hello, KeyValues, Levels, LogRecord,
    Payload, PayloadError, Reason, Spans, Value,
};
use rmpv::{ValueRef, decode};

/// What stands for a field that is not there.
const NIL: ValueRef<'static> = ValueRef::Nil;

/// How deep this decoder looks; what nests deeper is left to the one that it checks.
const DEPTH: usize = 64;

/// Both decoders take the payload and find the same in it, or both refuse it.
pub fn agree(bytes: &[u8], ours: &Result<Payload<'_>, PayloadError>) {
    if let Err(error) = ours
        && error.reason() == Reason::ReservedMarker
    {
        // rmpv takes it for nil.
        assert!(bytes.contains(&0xc1));
        return;
    }
    let [kind @ 0..=0x7f, fields @ ..] = bytes else {
        return assert!(ours.is_err());
    };
    if *kind == 5 {
        return assert_eq!(ours, &Ok(Payload::Bell));
    }
    if *kind > 4 {
        return assert_eq!(ours, &Ok(Payload::Unknown(*kind)));
    }
    let mut rest = fields;
    let fields = match decode::read_value_ref_with_max_depth(&mut rest, DEPTH) {
        Err(decode::Error::DepthLimitExceeded) => return,
        Ok(ValueRef::Array(fields)) if rest.is_empty() => fields,
        _ => return assert!(ours.is_err(), "{ours:?}"),
    };
    match same(*kind, &Fields(&fields), ours.as_ref().ok()) {
        Some(same) => assert!(same, "{ours:?} of {fields:?}"),
        None => assert!(ours.is_err(), "{ours:?} of {fields:?}"),
    }
}

/// Whether `ours` is what the fields say; `None` where they say nothing that is allowed.
fn same(kind: u8, fields: &Fields<'_>, ours: Option<&Payload<'_>>) -> Option<bool> {
    Some(match kind {
        0 => {
            let (hello, context) = hello(fields)?;
            let Some(Payload::Hello(ours)) = ours else {
                return Some(false);
            };
            let mut without = ours.clone();
            without.context = KeyValues::new();
            without == hello && same_pairs(&ours.context, context)
        }
        1 => {
            let (record, key_values, context) = record(fields)?;
            let spans = spans(fields.at(16)).unwrap_or_default();
            let Some(Payload::Record(ours)) = ours else {
                return Some(false);
            };
            let mut without = ours.clone();
            (without.key_values, without.context) = (KeyValues::new(), KeyValues::new());
            without.spans = Spans::new();
            without == record
                && same_pairs(&ours.key_values, key_values)
                && same_pairs(&ours.context, context)
                && same_spans(&ours.spans, &spans)
        }
        2 => {
            let (pid, numbers, last, bytes) = fragment(fields)?;
            let Some(Payload::Fragment(ours)) = ours else {
                return Some(false);
            };
            (ours.pid, [ours.stream, ours.index], ours.last, &*ours.bytes)
                == (pid, numbers, last, bytes)
        }
        3 => {
            let dropped = dropped(fields)?;
            ours == Some(&Payload::Dropped(dropped))
        }
        _ => {
            let close = close(fields)?;
            ours == Some(&Payload::Close(close))
        }
    })
}

struct Fields<'v>(&'v [ValueRef<'v>]);

impl<'v> Fields<'v> {
    fn at(&self, place: usize) -> &'v ValueRef<'v> {
        self.0.get(place).unwrap_or(&NIL)
    }
}

type Pairs<'v> = &'v [(ValueRef<'v>, ValueRef<'v>)];

fn hello<'v>(fields: &Fields<'v>) -> Option<(Hello<'v>, Pairs<'v>)> {
    let mut hello = Hello::new();
    hello.version = or_nil(fields.at(0), uint)?.unwrap_or(1);
    hello.pid = or_nil(fields.at(1), uint)?;
    hello.process = or_nil(fields.at(2), text)?.map(Into::into);
    hello.time = or_nil(fields.at(3), uint)?;
    hello.instance = u32_or_none(fields.at(5));
    Some((hello, pairs(fields.at(4))?))
}

fn record<'v>(fields: &Fields<'v>) -> Option<(LogRecord<'v>, Pairs<'v>, Pairs<'v>)> {
    let levels = [
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Debug,
        Level::Trace,
    ];
    let level = uint(fields.at(2))?.checked_sub(1)?;
    let level = *levels.get(usize::try_from(level).ok()?)?;
    let mut record = LogRecord::new(level, text(fields.at(3))?, text(fields.at(4))?);
    record.seq = uint(fields.at(0))?;
    record.time = uint(fields.at(1))?;
    record.pid = or_nil(fields.at(5), uint)?;
    record.process = or_nil(fields.at(6), text)?.map(Into::into);
    record.thread_id = or_nil(fields.at(7), uint)?;
    record.thread = or_nil(fields.at(8), text)?.map(Into::into);
    record.module_path = or_nil(fields.at(9), text)?.map(Into::into);
    record.file = or_nil(fields.at(10), text)?.map(Into::into);
    record.line = or_nil(fields.at(11), |value| uint(value)?.try_into().ok())?;
    record.error = or_nil(fields.at(14), error)?;
    record.original_length = or_nil(fields.at(15), uint)?;
    record.instance = u32_or_none(fields.at(17));
    record.batch = batch(fields.at(18));
    Some((record, pairs(fields.at(12))?, pairs(fields.at(13))?))
}

fn spans<'v>(value: &'v ValueRef<'v>) -> Option<Vec<(&'v str, Pairs<'v>)>> {
    let ValueRef::Array(spans) = value else {
        return None;
    };
    let span = |value: &'v ValueRef<'v>| match value {
        ValueRef::Array(parts) => {
            let parts = Fields(parts);
            Some((text(parts.at(0))?, pairs(parts.at(1))?))
        }
        _ => None,
    };
    spans.iter().map(span).collect()
}

fn batch(value: &ValueRef<'_>) -> Option<BatchInfo> {
    let ValueRef::Array(parts) = value else {
        return None;
    };
    let parts = Fields(parts);
    let reason = match uint(parts.at(0))? {
        0 => BatchReason::Escalation,
        1 => BatchReason::Group,
        other => BatchReason::Other(other),
    };
    Some(BatchInfo::new(
        reason,
        uint(parts.at(1))?,
        uint(parts.at(2))?,
    ))
}

fn error<'v>(value: &'v ValueRef<'v>) -> Option<ErrorInfo<'v>> {
    let ValueRef::Array(parts) = value else {
        return None;
    };
    let parts = Fields(parts);
    let mut error = ErrorInfo::new(text(parts.at(0))?);
    let sources = or_nil(parts.at(1), |sources| match sources {
        ValueRef::Array(sources) => sources.iter().map(text).collect::<Option<Vec<_>>>(),
        _ => None,
    })?;
    error.sources = sources.unwrap_or_default().into_iter().collect();
    error.backtrace = or_nil(parts.at(2), text)?.map(Into::into);
    error.key = or_nil(parts.at(3), text)?.map(Into::into);
    Some(error)
}

type FragmentParts<'v> = (Option<u64>, [u64; 2], bool, &'v [u8]);

fn fragment<'v>(fields: &Fields<'v>) -> Option<FragmentParts<'v>> {
    let numbers = [uint(fields.at(1))?, uint(fields.at(2))?];
    let (ValueRef::Boolean(last), ValueRef::Binary(bytes)) = (fields.at(3), fields.at(4)) else {
        return None;
    };
    Some((or_nil(fields.at(0), uint)?, numbers, *last, bytes))
}

fn dropped(fields: &Fields<'_>) -> Option<Dropped> {
    let mut dropped = Dropped::new();
    dropped.pid = or_nil(fields.at(0), uint)?;
    dropped.time = or_nil(fields.at(1), uint)?;
    dropped.counts = or_nil(fields.at(2), levels)?.unwrap_or_default();
    dropped.instance = u32_or_none(fields.at(3));
    Some(dropped)
}

fn levels(value: &ValueRef<'_>) -> Option<Levels> {
    let ValueRef::Array(counts) = value else {
        return None;
    };
    let mut levels = Levels::default();
    for (own, count) in levels.0.iter_mut().zip(counts) {
        *own = uint(count)?;
    }
    Some(levels)
}

fn close(fields: &Fields<'_>) -> Option<Close> {
    let mut close = Close::new();
    close.pid = or_nil(fields.at(0), uint)?;
    close.time = or_nil(fields.at(1), uint)?;
    close.sent = or_nil(fields.at(2), uint)?.unwrap_or(0);
    close.dropped = or_nil(fields.at(3), uint)?.unwrap_or(0);
    close.instance = u32_or_none(fields.at(4));
    close.held_back = uint(fields.at(5)).unwrap_or(0);
    close.dropped_by_level = levels(fields.at(6));
    Some(close)
}

fn or_nil<'v, T>(
    value: &'v ValueRef<'v>,
    read: impl FnOnce(&'v ValueRef<'v>) -> Option<T>,
) -> Option<Option<T>> {
    match value {
        ValueRef::Nil => Some(None),
        value => read(value).map(Some),
    }
}

/// Of a field of which another type is as good as nil.
fn u32_or_none(value: &ValueRef<'_>) -> Option<u32> {
    uint(value)?.try_into().ok()
}

fn uint(value: &ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Integer(number) => number.as_u64(),
        _ => None,
    }
}

fn text<'v>(value: &'v ValueRef<'v>) -> Option<&'v str> {
    match value {
        ValueRef::String(text) => text.as_str(),
        _ => None,
    }
}

fn pairs<'v>(value: &'v ValueRef<'v>) -> Option<Pairs<'v>> {
    match value {
        ValueRef::Nil => Some(&[]),
        ValueRef::Map(pairs) => pairs_allowed(pairs, 0).then_some(pairs),
        _ => None,
    }
}

fn pairs_allowed(pairs: Pairs<'_>, depth: usize) -> bool {
    pairs
        .iter()
        .all(|(key, value)| text(key).is_some() && allowed(value, depth))
}

/// `depth` is that of the list or map around it.
fn allowed(value: &ValueRef<'_>, depth: usize) -> bool {
    match value {
        ValueRef::Ext(..) => false,
        ValueRef::String(text) => text.is_str(),
        ValueRef::Array(items) => depth < 8 && items.iter().all(|item| allowed(item, depth + 1)),
        ValueRef::Map(pairs) => depth < 8 && pairs_allowed(pairs, depth + 1),
        _ => true,
    }
}

fn same_pairs(ours: &KeyValues<'_>, pairs: Pairs<'_>) -> bool {
    let mut pairs = pairs.iter();
    let all = ours.iter().all(|(key, value)| {
        pairs.next().is_some_and(|(other_key, other)| {
            text(other_key) == Some(key) && same_value(&value, other)
        })
    });
    all && pairs.next().is_none()
}

fn same_spans(ours: &Spans<'_>, others: &[(&str, Pairs<'_>)]) -> bool {
    let same = ours
        .iter()
        .zip(others)
        .all(|(ours, (name, pairs))| ours.name == *name && same_pairs(&ours.fields, pairs));
    same && ours.iter().count() == others.len()
}

fn same_value(ours: &Value<'_>, other: &ValueRef<'_>) -> bool {
    match (ours, other) {
        (Value::Nil, ValueRef::Nil) => true,
        (Value::Bool(ours), ValueRef::Boolean(other)) => ours == other,
        (Value::I64(ours), ValueRef::Integer(other)) => other.as_i64() == Some(*ours),
        (Value::U64(ours), ValueRef::Integer(other)) => {
            other.as_i64().is_none() && other.as_u64() == Some(*ours)
        }
        (Value::F64(ours), ValueRef::F64(other)) => ours.to_bits() == other.to_bits(),
        (Value::F64(ours), ValueRef::F32(other)) => ours.to_bits() == f64::from(*other).to_bits(),
        (Value::Str(ours), ValueRef::String(other)) => other.as_str() == Some(ours),
        (Value::Bytes(ours), ValueRef::Binary(other)) => &**ours == *other,
        (Value::List(ours), ValueRef::Array(other)) => {
            ours.len() == other.len()
                && ours
                    .iter()
                    .zip(other)
                    .all(|(ours, other)| same_value(&ours, other))
        }
        (Value::Map(ours), ValueRef::Map(other)) => same_pairs(ours, other),
        _ => false,
    }
}
