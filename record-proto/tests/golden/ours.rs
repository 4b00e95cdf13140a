//! What this version writes in exactly these bytes.

use std::borrow::Cow;

use log::Level;
use record_proto::{BatchInfo, BatchReason, ErrorInfo, KeyValues, Payload, Value};

use crate::build::*;
use crate::common::TIME;

pub(crate) fn ours() -> Vec<Golden> {
    let counts = ("dropped", dropped(Some(4711), [1, 0, 20, 300, 70_000]));
    let no_counts = ("dropped-bare", dropped(None, [0; 5]));
    let ends = [
        ("close", close(Some(4711), Some(TIME), 1000, 7, |_| {})),
        (
            "close-held-back",
            close(Some(4711), Some(TIME), 1000, 7, |c| {
                (c.instance, c.held_back) = (Some(INSTANCE), 12);
            }),
        ),
        (
            "close-held-back-levels",
            close(Some(4711), Some(TIME), 1000, 7, |c| {
                with_levels(c);
                (c.instance, c.held_back) = (None, u64::MAX);
            }),
        ),
        ("close-bare", close(None, None, 0, 0, |_| {})),
        (
            "close-instance",
            close(Some(4711), Some(TIME), 1000, 7, |c| {
                c.instance = Some(INSTANCE);
            }),
        ),
        (
            "close-levels",
            close(Some(4711), Some(TIME), 1000, 7, with_levels),
        ),
    ];
    let by_instance = dropped_by(INSTANCE, [1, 0, 20, 300, 70_000]);
    let mut all = vec![counts, no_counts, ("dropped-instance", by_instance)];
    all.push(("bell", Payload::Bell));
    all.extend(ends);
    all.extend(hellos());
    all.extend(records());
    all.extend(values());
    all.extend(fragments());
    all
}

fn hellos() -> Vec<Golden> {
    vec![
        ("hello", hello(all_of_hello)),
        ("hello-bare", hello(|_| {})),
        ("hello-pid", hello(|h| h.pid = Some(4711))),
        (
            "hello-process",
            hello(|h| h.process = Some("worker".into())),
        ),
        ("hello-time", hello(|h| h.time = Some(TIME))),
        (
            "hello-context",
            hello(|h| h.context = pairs([("worker", 3)])),
        ),
        (
            "hello-instance",
            hello(|h| {
                all_of_hello(h);
                h.instance = Some(INSTANCE);
            }),
        ),
    ]
}

fn fragments() -> Vec<Golden> {
    const STREAM: u64 = 0x0123_4567_89ab_cdef;
    let first = [1, 0x95, 1];
    let last = [2, 3, 0xa0, 0xa0];
    vec![
        (
            "fragment-first",
            fragment(Some(4711), STREAM, 0, false, &first),
        ),
        (
            "fragment-last",
            fragment(Some(4711), STREAM, 1, true, &last),
        ),
        ("fragment-bare", fragment(None, u64::MAX, 0, true, &[])),
    ]
}

fn records() -> Vec<Golden> {
    vec![
        named("record", reference),
        named("record-least", |_| {}),
        named("record-error", |r| {
            reference(r);
            (r.seq, r.level, r.message) = (2, Level::Error, "failed".into());
            r.key_values = pairs([("err", "cannot open")]);
            r.context = KeyValues::new();
            r.error = Some(error());
        }),
        named("record-all", |r| {
            reference(r);
            r.key_values = pairs([("err", "cannot open")]);
            r.error = Some(error());
            r.original_length = Some(300_000);
        }),
        named("record-panic", |r| {
            reference(r);
            (r.seq, r.level, r.target) = (3, Level::Error, "panic".into());
            (r.message, r.module_path) = ("boom".into(), None);
            (r.file, r.line) = (Some("src/main.rs".into()), Some(9));
            r.key_values = KeyValues::new();
            let mut error = ErrorInfo::new("boom");
            error.backtrace = Some("0: main\n1: start".into());
            r.error = Some(error);
        }),
        named("record-empty-texts", |r| {
            (r.seq, r.time, r.level) = (0, 0, Level::Trace);
            (r.target, r.message) = ("".into(), "".into());
            (r.pid, r.process, r.thread_id) = (Some(0), Some("".into()), Some(0));
            (r.thread, r.module_path) = (Some("".into()), Some("".into()));
            (r.file, r.line) = (Some("".into()), Some(0));
            r.key_values = pairs([("", "")]);
            let mut error = ErrorInfo::new("");
            error.sources = [""].into_iter().collect();
            (error.backtrace, error.key) = (Some("".into()), Some("".into()));
            r.error = Some(error);
        }),
        named("record-greatest-numbers", |r| {
            (r.seq, r.time, r.line) = (u64::MAX, u64::MAX, Some(u32::MAX));
            (r.pid, r.thread_id) = (Some(u64::MAX), Some(u64::MAX));
            r.original_length = Some(u64::MAX);
        }),
        named("record-cut", |r| r.original_length = Some(262_145)),
        named("record-error-only", |r| {
            r.error = Some(ErrorInfo::new("cannot open"));
        }),
        named("record-context-only", |r| {
            r.context = pairs([("worker", 3)]);
            r.context.push("role", "indexer");
        }),
        named("record-instance", |r| {
            reference(r);
            r.instance = Some(INSTANCE);
        }),
        named("record-instance-only", |r| r.instance = Some(u32::MAX)),
        named("record-spans", |r| {
            source_of(r);
            r.spans = spans();
            r.instance = Some(INSTANCE);
        }),
        named("record-spans-only", |r| {
            r.spans.push("request", &KeyValues::new());
        }),
        named("record-batch", |r| {
            source_of(r);
            r.instance = Some(INSTANCE);
            r.batch = Some(BatchInfo::new(BatchReason::Escalation, 7, 2));
        }),
        named("record-batch-only", |r| {
            r.batch = Some(BatchInfo::new(BatchReason::Group, u64::MAX, 0));
        }),
        named("record-line-only", |r| r.line = Some(65536)),
        named("record-unicode", |r| {
            (r.seq, r.level, r.target) = (4, Level::Debug, "größe".into());
            r.message = "日本 🦀 \x1b[31m\u{202e}\0".into();
            (r.pid, r.process) = (Some(1), Some("прцс".into()));
        }),
        named("record-long-texts", |r| {
            let of = |letter: &str, length| Cow::from(letter.repeat(length));
            (r.seq, r.level) = (5, Level::Warn);
            (r.target, r.message) = (of("t", 32), of("m", 256));
            (r.pid, r.process) = (Some(1), Some(of("p", 31)));
            (r.thread_id, r.thread) = (Some(2), Some(of("n", 255)));
            r.module_path = Some(of("s", 256));
        }),
    ]
}

fn values() -> Vec<Golden> {
    vec![
        named("values-simple", |r| {
            r.key_values = pairs([
                ("nil", Value::Nil),
                ("false", false.into()),
                ("true", true.into()),
                ("text", "text".into()),
                ("empty", "".into()),
                ("bytes", vec![0, 0xff].into()),
                ("none", vec![].into()),
            ]);
        }),
        named("values-ints", |r| {
            for number in NUMBERS {
                let signed = i64::try_from(number).map(Value::from);
                let value = signed.unwrap_or_else(|_| Value::from(number as u64));
                r.key_values.push(&number.to_string(), value);
            }
        }),
        named("values-floats", |r| {
            r.key_values = pairs([
                ("half", 0.5),
                ("minus zero", -0.0),
                ("tiny", f64::from_bits(1)),
                ("inf", f64::INFINITY),
                ("minus inf", f64::NEG_INFINITY),
            ]);
        }),
        named("values-nested", |r| {
            let inner = pairs([("k", Value::Nil)]);
            let three = list([3.0]);
            let items: [Value; 4] = [1.into(), "two".into(), three.into(), inner.into()];
            r.key_values.push("list", list(items));
            let b = pairs([("b", list([] as [Value; 0]))]);
            let mut map = pairs([("a", b)]);
            map.push("c", KeyValues::new());
            r.key_values.push("map", map);
        }),
        named("values-eight-deep", |r| {
            let mut deep = Value::from("bottom");
            for depth in 0..8 {
                deep = match depth % 2 {
                    0 => pairs([("k", deep)]).into(),
                    _ => list([deep]).into(),
                };
            }
            r.key_values = pairs([("deep", deep.clone())]);
            r.context = pairs([("deep", deep)]);
        }),
        named("values-same-key", |r| {
            r.key_values = pairs([("job", 1), ("job", 2)]);
            r.key_values.push("job", "three");
        }),
        named("values-sixteen", |r| {
            r.key_values = (0..16).map(|n| (format!("k{n}"), n)).collect();
            r.context = pairs([("list", list(0..16))]);
        }),
        named("values-long", |r| {
            r.key_values = pairs([("s8", "s".repeat(32)), ("s16", "s".repeat(256))]);
            r.key_values.push("b16", vec![b'b'; 256]);
        }),
    ]
}

const NUMBERS: [i128; 22] = [
    0,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    u32::MAX as i128,
    1 << 32,
    i64::MAX as i128,
    1 << 63,
    u64::MAX as i128,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    i32::MIN as i128,
    i32::MIN as i128 - 1,
    i64::MIN as i128,
];
