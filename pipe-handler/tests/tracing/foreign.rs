//! Foreign code in the fields of events and spans: it fails, panics, and makes events and spans of its own.

use std::{fmt, panic};

use record_proto::{FORMATTING_FAILED, FORMATTING_PANICKED};
use tracing::{Span, field::Empty};

use crate::support::{one, records};

#[test]
fn a_field_that_fails_or_panics_costs_only_itself() {
    let record = one(|| {
        let _span = tracing::info_span!("s", a = %Fails, b = ?Panics, c = 1).entered();
        tracing::info!(a = %Fails, b = ?Panics, c = 1, "whole");
    });
    let fields =
        |text: String| text.contains(FORMATTING_FAILED) && text.contains(FORMATTING_PANICKED);
    assert_eq!(record.message, "whole");
    assert_eq!(record.key_values.len(), 3);
    assert_eq!(record.key_values.get("c"), Some(1.into()));
    assert!(fields(record.key_values.to_string()));
    assert!(fields(record.spans.to_string()));
    assert!(record.spans.to_string().ends_with("c=1}"));
}

#[test]
fn a_message_that_fails_or_panics_keeps_its_beginning() {
    let record = one(|| tracing::info!("begins, {}", Fails));
    assert_eq!(record.message, format!("begins, {FORMATTING_FAILED}"));
    let record = one(|| tracing::info!("begins, {:?}", Panics));
    assert_eq!(record.message, format!("begins, {FORMATTING_PANICKED}"));
}

/// No lock of a span is held while its fields are formatted.
#[test]
fn a_field_may_use_the_span_that_it_belongs_to() {
    let records = records("info", || {
        let span = tracing::info_span!("request", id = Empty, state = "new");
        let _entered = span.enter();
        span.record("id", tracing::field::display(UsesSpan));
        tracing::info!(last = %UsesSpan, "done");
    });
    let last = records.last().expect("records");
    assert_eq!(last.message, "done");
    assert_eq!(last.spans.to_string(), r#"request{state="used" id="7"}"#);
}

struct Fails;

impl fmt::Display for Fails {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic::resume_unwind(Box::new(()))
    }
}

/// Reads and changes the span that the thread is in, and logs.
struct UsesSpan;

impl fmt::Display for UsesSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span::current().record("state", "used");
        tracing::info!("from a formatter");
        f.write_str("7")
    }
}
