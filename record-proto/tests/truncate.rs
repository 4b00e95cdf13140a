//! A record that is too long: what is cut, in which order, and how it says so.

mod common;

use common::{payload, record_of};
use proptest::prelude::*;
use record_proto::{ErrorInfo, KeyValues, LogRecord, Value};

#[test]
fn a_record_that_fits_is_left_as_it_is() {
    let mut record = with_everything();
    let before = record.clone();
    let length = payload(&record).len();
    record.truncate_to(length);
    assert_eq!(record, before);
}

#[test]
fn the_backtrace_is_cut_first_and_says_so() {
    let record = fitted(1);
    let before = with_everything();
    let backtrace = record.error.as_ref().unwrap().backtrace.as_deref().unwrap();
    assert!(backtrace.starts_with("bbb") && backtrace.ends_with("… (cut, 9000 bytes)"));
    assert!(backtrace.len() < 9000);

    let mut rest = record.clone();
    rest.error.as_mut().unwrap().backtrace = before.error.as_ref().unwrap().backtrace.clone();
    assert_eq!(rest, before, "nothing else is cut");
}

#[test]
fn sources_and_then_the_largest_value_follow() {
    // All of the backtrace, all of the sources and a little more.
    let record = fitted(9000 + 2000 + 500);
    let error = record.error.as_ref().unwrap();
    let sources: Vec<_> = error.sources.iter().collect();
    assert_eq!(sources, ["… (cut, 2 sources)"]);

    let Some(Value::Str(large)) = record.key_values.get("large") else {
        panic!("a text");
    };
    assert!(large.starts_with("lll") && large.ends_with("… (cut, 5000 bytes)"));
    assert_eq!(record.key_values.get("small"), Some(7.into()));
    assert_eq!(record.context.get("middle"), Some("m".repeat(3000).into()));
    assert_eq!(record.message.len(), 4000);
    assert_eq!(record.original_length, None);
}

#[test]
fn values_are_cut_largest_first_across_key_values_and_context() {
    let record = fitted(9000 + 2000 + 5000 + 500);
    let middle = record.context.get("middle").unwrap().to_string();
    assert!(middle.starts_with("mmm") && middle.ends_with("… (cut, 3000 bytes)"));
    let list = record.key_values.get("list").unwrap();
    assert!(matches!(list, Value::List(_)), "smaller, and still whole");
    assert_eq!(record.message.len(), 4000);
}

#[test]
fn a_structure_or_bytes_are_cut_to_nothing_but_the_mark() {
    let record = fitted(9000 + 2000 + 5000 + 3000 + 500);
    let list = record.key_values.get("list").unwrap();
    assert_eq!(list, "… (cut, 1003 bytes)".into());
    let bytes = record.key_values.get("bytes").unwrap();
    assert_eq!(bytes, vec![7; 500].into(), "the list was enough");
    assert_eq!(record.message.len(), 4000);
}

#[test]
fn the_message_is_cut_last_at_a_character_with_its_length_noted() {
    let mut record = with_everything();
    record.message = "ä".repeat(2000).into();
    record.truncate_to(2000);
    assert!(payload(&record).len() <= 2000);
    assert_eq!(record.original_length, Some(4000));
    assert!(record.message.chars().all(|c| c == 'ä') && !record.message.is_empty());
}

#[test]
fn a_message_that_was_cut_before_keeps_its_first_length() {
    let mut record = record_of("");
    record.message = "x".repeat(4000).into();
    record.original_length = Some(300_000);
    record.truncate_to(1000);
    assert_eq!(record.original_length, Some(300_000));
}

#[test]
fn very_many_small_pairs_become_one_that_says_so() {
    let mut record = record_of("hello");
    record.key_values = (0..1000).map(|n| (format!("k{n}"), n)).collect();
    record.truncate_to(1000);
    assert!(payload(&record).len() <= 1000);
    assert_eq!(record.key_values.len(), 1);
    let cut = record.key_values.get("cut").unwrap().to_string();
    assert!(cut.starts_with("1000 pairs, "), "{cut}");
    assert_eq!(record.message, "hello");
}

#[test]
fn names_are_cut_to_1_kib_at_a_character() {
    let long = "ä".repeat(600);
    let mut record = LogRecord::new(log::Level::Info, long.clone(), long.clone());
    // Behind one byte, every character starts at an odd place.
    let odd = format!("x{long}");
    record.process = Some(odd.clone().into());
    record.thread = Some(long.clone().into());
    record.module_path = Some((&*long).into());
    record.file = Some("short".into());
    record.truncate_names();
    assert_eq!(record.target, "ä".repeat(512));
    assert_eq!(record.process.as_deref(), Some(&odd[..1023]));
    assert_eq!(record.thread.as_deref(), Some(&*"ä".repeat(512)));
    assert_eq!(record.module_path.as_deref(), Some(&*"ä".repeat(512)));
    assert_eq!(record.file.as_deref(), Some("short"));
    assert_eq!(record.message, long, "the message is no name");
}

fn with_everything() -> LogRecord<'static> {
    let mut record = record_of("").into_owned();
    record.message = "x".repeat(4000).into();
    record.key_values.push("small", 7);
    record.key_values.push("large", "l".repeat(5000));
    let list: record_proto::List<'_> = std::iter::repeat_n(7, 1000).collect();
    record.key_values.push("list", list);
    record.key_values.push("bytes", vec![7; 500]);
    record.context = KeyValues::from_iter([("middle", "m".repeat(3000))]);
    let mut error = ErrorInfo::new("boom");
    error.sources = ["s".repeat(1000), "t".repeat(1000)].into_iter().collect();
    error.backtrace = Some("b".repeat(9000).into());
    record.error = Some(error);
    record
}

/// The record that has everything, cut by so many bytes.
fn fitted(by: usize) -> LogRecord<'static> {
    let mut record = with_everything();
    let limit = payload(&record).len() - by;
    record.truncate_to(limit);
    assert!(payload(&record).len() <= limit);
    record
}

#[test]
fn spans_go_before_anything_of_the_message_does() {
    let mut record = record_of("").into_owned();
    record.message = "x".repeat(100).into();
    for _ in 0..10 {
        let fields = KeyValues::from_iter([("path", "/".repeat(100))]);
        record.spans.push("request", &fields);
    }
    record.truncate_to(500);
    assert_eq!(record.spans.to_string(), "… (cut, 10 spans)");
    assert_eq!(record.message.len(), 100);
}

proptest! {
    #[test]
    fn the_result_always_fits_and_is_always_decoded(
        mut record in common::arbitrary::record(4000),
        limit in 400_usize..20_000,
        names in 0_usize..3000,
    ) {
        // The names are what cannot be cut below their own limit.
        record.target = "ü".repeat(names).into();
        record.thread = Some("n".repeat(names / 2).into());
        record.truncate_names();
        // The rest of the names, at most 20 characters each.
        let needed = record.target.len() + record.thread.as_ref().unwrap().len() + 3 * 80;
        let limit = limit + needed;
        let length = record.message.len() as u64;
        let before = record.clone();
        record.truncate_to(limit);
        let bytes = payload(&record);
        prop_assert!(bytes.len() <= limit, "{} > {}", bytes.len(), limit);
        if payload(&before).len() <= limit {
            prop_assert_eq!(&record, &before);
        }
        if record.message != before.message {
            let noted = before.original_length.unwrap_or(length);
            prop_assert_eq!(record.original_length, Some(noted));
            prop_assert!(before.message.starts_with(&*record.message));
        }
        prop_assert_eq!(LogRecord::decode(&bytes), Ok(record));
    }
}
