//! What this version reads but writes otherwise or not at all: frames of older and newer peers.

use record_proto::{BatchInfo, BatchReason, Close, Dropped, ErrorInfo, KeyValues, Payload};

use crate::build::*;
use crate::common::TIME;

pub(crate) fn others() -> Vec<Golden> {
    let boom: Make = |r| r.error = Some(ErrorInfo::new("boom"));
    vec![
        ("older-hello-empty", hello(|_| {})),
        ("older-hello-nils", hello(|_| {})),
        named("older-record-nils", |_| {}),
        named("older-record-eight", |r| {
            (r.pid, r.process) = (Some(4711), Some("worker".into()));
            r.thread_id = Some(4712);
        }),
        named("older-record-empty-maps", |r| {
            reference(r);
            (r.key_values, r.context) = (KeyValues::new(), KeyValues::new());
        }),
        named("older-error-message", boom),
        named("older-error-sources", |r| {
            let mut error = ErrorInfo::new("boom");
            error.sources = ["bang"].into_iter().collect();
            r.error = Some(error);
        }),
        named("older-error-nils", boom),
        ("older-dropped-empty", Payload::Dropped(Dropped::new())),
        ("older-dropped-short", dropped(Some(4711), [1, 2, 0, 0, 0])),
        ("older-close-empty", Payload::Close(Close::new())),
        ("older-close-sent", close(Some(4711), None, 12, 0, |_| {})),
        ("mistyped-hello", hello(all_of_hello)),
        named("mistyped-record", |_| {}),
        named("mistyped-spans", |r| {
            r.batch = Some(BatchInfo::new(BatchReason::Escalation, 7, 2));
        }),
        named("mistyped-span-name", |_| {}),
        named("mistyped-batch", |r| {
            source_of(r);
            r.instance = Some(INSTANCE);
        }),
        named("mistyped-batch-short", |_| {}),
        ("mistyped-dropped", dropped(Some(4711), [1, 2, 3, 4, 5])),
        (
            "mistyped-close",
            close(Some(4711), Some(TIME), 1000, 7, |_| {}),
        ),
        (
            "newer-hello",
            hello(|h| {
                all_of_hello(h);
                h.version = 2;
                h.instance = Some(INSTANCE);
            }),
        ),
        named("newer-record", |r| {
            reference(r);
            (r.key_values, r.context) = (KeyValues::new(), KeyValues::new());
            r.instance = Some(INSTANCE);
        }),
        named("newer-error", |r| r.error = Some(error())),
        named("newer-batch", |r| {
            r.batch = Some(BatchInfo::new(BatchReason::Other(9), 7, 2));
        }),
        ("newer-bell", Payload::Bell),
        ("newer-fragment", fragment(Some(4711), 7, 0, true, &[1])),
        ("newer-dropped", dropped_by(INSTANCE, [1, 2, 3, 4, 5])),
        (
            "newer-close",
            close(Some(4711), Some(TIME), 1000, 7, with_levels),
        ),
        ("newer-kind-100", Payload::Unknown(100)),
        ("newer-kind-127", Payload::Unknown(127)),
        ("newer-kind-no-array", Payload::Unknown(9)),
    ]
}
