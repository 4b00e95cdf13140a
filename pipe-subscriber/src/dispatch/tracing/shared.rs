//! The call sites that records share if there is no room for one of their own.

use std::sync::LazyLock;

use tracing_core::Metadata;

use super::call_site::{CallSite, CallSiteKey};
use super::child_spans::SPAN_TARGET;
use super::fields::{FieldValue, Fields, Pairs, backtrace};
use super::shown::Shown;
use crate::dispatch::attach::Attach;

/// The target of the call sites that are shared.
const SHARED_TARGET: &str = "pipe_subscriber::shared";

/// The fields of a shared event: the message, what a parent can attach, and the parts of the call site.
const EVENT_FIELDS: [&str; 13] = [
    "message",
    "label",
    "time",
    "pid",
    "process",
    "thread",
    "thread_id",
    "target",
    "module",
    "file",
    "line",
    "fields",
    "backtrace",
];

const ATTACHED: [Attach; 6] = [
    Attach::Label,
    Attach::Time,
    Attach::Pid,
    Attach::Process,
    Attach::Thread,
    Attach::ThreadId,
];

const SPAN_FIELDS: [&str; 2] = ["name", "fields"];

/// One call site for the events of each level.
static EVENTS: LazyLock<[&'static CallSite; 5]> =
    LazyLock::new(|| [1, 2, 3, 4, 5].map(|level| leak(SHARED_TARGET, level, false)));

static SPAN: LazyLock<&'static CallSite> = LazyLock::new(|| leak(SPAN_TARGET, 1, true));

/// Returns the call site that all events of a level share.
pub(super) fn event(level: log::Level) -> &'static CallSite {
    let site = EVENTS[level as usize - 1];
    site.register();
    site
}

/// Returns the call site that all spans share.
pub(super) fn span() -> &'static CallSite {
    SPAN.register();
    *SPAN
}

/// Returns metadata with the target, file, line and module of `key`, to ask whether such an event is enabled.
pub(super) fn question<'a>(site: &'static CallSite, key: &CallSiteKey<'a>) -> Metadata<'a> {
    site.describe(key, site.metadata().name())
}

/// Adds the fields of a shared event, all of them, in their order.
pub(super) fn add_event<'a>(fields: &mut Fields<'a>, shown: &Shown<'a>) {
    let record = shown.record;
    let mut add = |value: Option<FieldValue<'a>>| {
        let name = EVENT_FIELDS[fields.names.len()];
        fields.push(name, value.unwrap_or(FieldValue::Absent));
    };
    add(Some(FieldValue::message(shown)));
    for attach in ATTACHED {
        let is_attached = shown.attach.contains(&attach);
        add(is_attached.then(|| FieldValue::attached(attach, shown)));
    }
    let text = |text: Option<&'a str>| text.map(FieldValue::Str);
    add(text(Some(record.target)));
    add(text(record.origin.module_path.as_deref()));
    add(text(record.origin.file.as_deref()));
    add(record.line.map(|line| FieldValue::U64(line.into())));
    let has_pairs = record.values().next().is_some();
    add(has_pairs.then(|| FieldValue::rest(Pairs::Record(record), 0)));
    add(text(record.whole().and_then(backtrace)));
}

/// Adds the fields of a shared span.
pub(super) fn add_span<'a>(
    fields: &mut Fields<'a>,
    name: &'a str,
    pairs: &'a record_proto::KeyValues<'a>,
) {
    fields.push(SPAN_FIELDS[0], FieldValue::Str(name));
    let has_pairs = !pairs.is_empty();
    fields.push(
        SPAN_FIELDS[1],
        match has_pairs {
            true => FieldValue::rest(Pairs::Span(pairs), 0),
            false => FieldValue::Absent,
        },
    );
}

fn leak(target: &'static str, level: u8, is_span: bool) -> &'static CallSite {
    let key = CallSiteKey {
        is_span,
        level,
        line: None,
        name: None,
        target,
        file: None,
        module_path: None,
        fields: match is_span {
            true => &SPAN_FIELDS,
            false => &EVENT_FIELDS,
        },
    };
    CallSite::leak(key, if is_span { "span" } else { "event" })
}
