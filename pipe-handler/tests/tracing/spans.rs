//! The chain of spans that a record is in.

use std::thread;

use tracing::field::Empty;

use crate::support::{one, records};

#[test]
fn a_record_has_its_spans_from_the_root_to_the_leaf() {
    let record = one(|| {
        let _request = tracing::info_span!("request", id = 7, path = "/a").entered();
        let _query = tracing::info_span!("query").entered();
        tracing::info!("slow");
    });
    assert_eq!(record.spans.to_string(), r#"request{id=7 path="/a"}:query"#);
}

#[test]
fn a_span_that_was_left_is_not_in_the_chain() {
    let records = records("info", || {
        let request = tracing::info_span!("request");
        request.in_scope(|| tracing::info!("within"));
        tracing::info!("after");
    });
    let spans = records.iter().map(|record| record.spans.to_string());
    assert_eq!(spans.collect::<Vec<_>>(), ["request", ""]);
}

#[test]
fn fields_that_are_recorded_later_are_in_the_records_after_it() {
    let records = records("info", || {
        let span = tracing::info_span!("request", id = 7, user = Empty, status = "open");
        let _entered = span.enter();
        tracing::info!("first");
        span.record("user", "ann");
        tracing::info!("second");
        span.record("status", 200);
        tracing::info!("third");
    });
    let spans = records.iter().map(|record| record.spans.to_string());
    assert_eq!(
        spans.collect::<Vec<_>>(),
        [
            r#"request{id=7 status="open"}"#,
            r#"request{id=7 status="open" user="ann"}"#,
            r#"request{id=7 user="ann" status=200}"#,
        ]
    );
}

#[test]
fn an_explicit_parent_counts_and_not_the_present_span() {
    let records = records("info", || {
        let other = tracing::info_span!("other");
        let child = tracing::info_span!(parent: &other, "child");
        let _present = tracing::info_span!("present").entered();
        tracing::info!(parent: &child, "in other");
        tracing::info!(parent: None, "in none");
        tracing::info!("in present");
    });
    let spans = records.iter().map(|record| record.spans.to_string());
    assert_eq!(spans.collect::<Vec<_>>(), ["other:child", "", "present"]);
}

#[test]
fn a_span_may_be_entered_in_another_thread() {
    let records = records("info", || {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let span = tracing::info_span!("request", id = 7);
        let within = span.clone();
        let work = move || {
            tracing::dispatcher::with_default(&dispatch, || {
                within.in_scope(|| tracing::info!("elsewhere"));
            });
        };
        thread::spawn(work).join().unwrap();
        span.record("id", 8);
    });
    assert_eq!(records[0].spans.to_string(), "request{id=7}");
}

#[test]
fn the_fields_of_a_span_keep_their_types_and_errors_are_one_text() {
    let record = one(|| {
        let error = std::io::Error::other(std::fmt::Error);
        let error: &(dyn std::error::Error + 'static) = &error;
        let span = tracing::info_span!("s", float = 1.5, yes = true, shown = ?"a", error);
        span.in_scope(|| tracing::info!("x"));
    });
    let text = record.spans.to_string();
    let error = "an error occurred when formatting an argument";
    assert_eq!(
        text,
        format!(r#"s{{float=1.5 yes=true shown="\"a\"" error="{error}"}}"#)
    );
    assert!(record.error.is_none());
}
