//! Records with anything in them.

use log::Level;
use proptest::{collection::vec, option::of, prelude::*};
use record_proto::{BatchInfo, BatchReason, ErrorInfo, KeyValues, LogRecord, Spans, Value};

pub(crate) fn text(longest: usize) -> impl Strategy<Value = String> {
    // Any characters, controls and astral ones included.
    vec(any::<char>(), 0..=longest).prop_map(String::from_iter)
}

pub(crate) fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text(40).prop_map(Value::from),
        vec(any::<u8>(), 0..40).prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(|items| Value::List(items.into_iter().collect())),
            pairs_of(inner, 8).prop_map(Value::from),
        ]
    })
}

pub(crate) fn pairs(most: usize) -> impl Strategy<Value = KeyValues<'static>> {
    pairs_of(value(), most)
}

fn pairs_of(
    value: impl Strategy<Value = Value<'static>>,
    most: usize,
) -> impl Strategy<Value = KeyValues<'static>> {
    vec((text(12), value), 0..most).prop_map(|pairs| pairs.into_iter().collect())
}

pub(crate) fn level() -> impl Strategy<Value = Level> {
    (1_usize..=5).prop_map(|level| Level::iter().nth(level - 1).unwrap())
}

pub(crate) fn error_info(longest: usize) -> impl Strategy<Value = ErrorInfo<'static>> {
    let parts = (
        text(longest),
        vec(text(longest), 0..5),
        of(text(longest)),
        of(text(12)),
    );
    parts.prop_map(|(message, sources, backtrace, key)| {
        let mut info = ErrorInfo::new(message);
        info.sources = sources.into_iter().collect();
        info.backtrace = backtrace.map(Into::into);
        info.key = key.map(Into::into);
        info
    })
}

pub(crate) fn spans(most: usize) -> impl Strategy<Value = Spans<'static>> {
    vec((text(12), pairs(4)), 0..most).prop_map(|all| {
        let mut spans = Spans::new();
        for (name, fields) in all {
            spans.push(&name, &fields);
        }
        spans
    })
}

pub(crate) fn batch() -> impl Strategy<Value = BatchInfo> {
    let reason = prop_oneof![
        Just(BatchReason::Escalation),
        Just(BatchReason::Group),
        (2..=u64::MAX).prop_map(BatchReason::Other),
    ];
    let parts = (reason, any::<u64>(), any::<u64>());
    parts.prop_map(|(reason, id, left)| BatchInfo::new(reason, id, left))
}

pub(crate) fn record(longest: usize) -> impl Strategy<Value = LogRecord<'static>> {
    let required = (any::<u64>(), any::<u64>(), level(), text(20), text(longest));
    let numbers = (
        of(any::<u64>()),
        of(any::<u64>()),
        of(any::<u32>()),
        of(any::<u64>()),
        of(any::<u32>()),
    );
    let texts = (of(text(20)), of(text(20)), of(text(20)), of(text(20)));
    let rest = (pairs(20), pairs(4), of(error_info(longest)));
    let last = (spans(3), of(batch()));
    (required, numbers, texts, (rest, last)).prop_map(|(required, numbers, texts, (rest, last))| {
        let (seq, time, level, target, message) = required;
        let mut record = LogRecord::new(level, target, message);
        (record.seq, record.time) = (seq, time);
        (record.pid, record.thread_id, record.line, ..) = numbers;
        (.., record.original_length, record.instance) = numbers;
        record.process = texts.0.map(Into::into);
        record.thread = texts.1.map(Into::into);
        record.module_path = texts.2.map(Into::into);
        record.file = texts.3.map(Into::into);
        (record.key_values, record.context, record.error) = rest;
        (record.spans, record.batch) = last;
        record
    })
}
