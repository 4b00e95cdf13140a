//! The spans of an event: copied as they are, replaced by a mark if there is no room, and recorded later.

use log::Level;
use record_proto::{
    DEFAULT_VALUE_LIMIT, EncodedSpan, Event, HEAD_LENGTH, KeyValues, LogRecord, MessageWriter,
    PairWriter, RecordEncoder, SpanWriter,
};

/// An event with so many pairs.
struct Within<'s> {
    pairs: usize,
    spans: &'s [EncodedSpan],
}

impl Event for Within<'_> {
    fn level(&self) -> Level {
        Level::Info
    }
    fn target(&self) -> &str {
        "app"
    }
    fn module_path(&self) -> Option<&str> {
        None
    }
    fn file(&self) -> Option<&str> {
        None
    }
    fn line(&self) -> Option<u32> {
        None
    }
    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        None
    }
    fn write_message(&self, _: &mut MessageWriter<'_>) -> std::fmt::Result {
        Ok(())
    }
    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        for _ in 0..self.pairs {
            out.pair("k", |mut value| {
                value.display(1);
                Ok::<_, std::fmt::Error>(())
            });
        }
    }
    fn write_spans(&self, out: &mut SpanWriter<'_>) {
        self.spans.iter().for_each(|span| out.span(span));
    }
}

fn span(encoder: &mut RecordEncoder, name: &str, fields: &[(&str, &str)]) -> EncodedSpan {
    let write = |out: &mut PairWriter<'_, '_>| {
        for (key, text) in fields {
            out.pair(key, |mut value| {
                value.display(text);
                Ok::<_, std::fmt::Error>(())
            });
        }
    };
    encoder.encode_span(name, write).expect("memory")
}

fn record(encoder: &mut RecordEncoder, event: &Within<'_>) -> LogRecord<'static> {
    encoder.format(event);
    let frame = encoder.finish(1).expect("memory");
    // A reader with a limit would make the same marks.
    let record = LogRecord::decode_with_limit(&frame[HEAD_LENGTH..], usize::MAX);
    record.expect("a record").into_owned()
}

#[test]
fn spans_count_among_the_values_of_their_record() {
    let mut encoder = RecordEncoder::new();
    let spans = [
        span(&mut encoder, "request", &[("id", "7")]),
        span(&mut encoder, "query", &[]),
    ];
    let spans = &spans;
    // Three values of spans.
    let pairs = DEFAULT_VALUE_LIMIT - 65;
    for (pairs, expected) in [
        (0, "request{id=\"7\"}:query"),
        (pairs, "request{id=\"7\"}:query"),
        // One pair that counts them replaces the others, and is a value too.
        (pairs + 1, "request{id=\"7\"}:query"),
    ] {
        let record = record(&mut encoder, &Within { pairs, spans });
        assert_eq!(record.spans.to_string(), expected, "{pairs}");
    }
}

#[test]
fn spans_with_more_values_than_are_left_become_one_that_counts_them() {
    let mut encoder = RecordEncoder::new();
    let leaf = span(&mut encoder, "leaf", &[]);
    let pairs = DEFAULT_VALUE_LIMIT - 100;
    for (count, expected) in [(100, 100), (101, 1), (1000, 1)] {
        let spans = &vec![leaf.clone(); count];
        let record = record(&mut encoder, &Within { pairs, spans });
        assert_eq!(record.spans.iter().count(), expected);
        assert_eq!(record.key_values.len(), pairs);
        if expected == 1 {
            let mark = format!("… (cut, {count} spans)");
            assert_eq!(record.spans.to_string(), mark);
        }
    }
}

#[test]
fn spans_with_more_bytes_than_the_limit_become_one_that_counts_them() {
    let mut encoder = RecordEncoder::new();
    let spans = &vec![span(&mut encoder, "a", &[("k", &"x".repeat(1000))]); 3];
    encoder.set_limits(5000, 5000, 2500);
    let event = Within { pairs: 0, spans };
    let cut = record(&mut encoder, &event).spans.to_string();
    assert_eq!(cut, "… (cut, 3 spans)");
    encoder.set_limits(5000, 5000, 5000);
    let whole = record(&mut encoder, &event).spans;
    assert_eq!(whole.iter().count(), 3);
}

#[test]
fn a_field_that_is_recorded_later_replaces_the_earlier_value() {
    let mut encoder = RecordEncoder::new();
    let mut request = span(&mut encoder, "request", &[("id", "7"), ("status", "open")]);
    request.record(&span(
        &mut encoder,
        "",
        &[("status", "done"), ("bytes", "20")],
    ));
    let spans = &[request];
    let spans = record(&mut encoder, &Within { pairs: 0, spans }).spans;
    let fields = [("id", "7"), ("status", "done"), ("bytes", "20")];
    let expected: KeyValues<'_> = fields.into_iter().collect();
    assert_eq!(spans.iter().next().expect("a span").fields, expected);
}

#[test]
fn a_record_without_spans_after_one_with_spans_has_none() {
    let mut encoder = RecordEncoder::new();
    let spans = &[span(&mut encoder, "request", &[])];
    let with = record(&mut encoder, &Within { pairs: 1, spans });
    assert_eq!(with.spans.to_string(), "request");
    let without = record(
        &mut encoder,
        &Within {
            pairs: 1,
            spans: &[],
        },
    );
    assert!(without.spans.is_empty());
}
