//! A record keeps a bounded number of values, and a mark counts those that were left out.

use log::{
    Level, Record,
    kv::{self, VisitSource},
};
use record_proto::{
    DEFAULT_VALUE_LIMIT, Encode, ErrorInfo, KeyValues, List, LogRecord, Scratch, Value,
};

fn decoded(record: &LogRecord<'_>, values: usize) -> LogRecord<'static> {
    let mut payload = Vec::new();
    record.encode(&mut payload);
    LogRecord::decode_with_limit(&payload, values)
        .expect("a record")
        .into_owned()
}

#[test]
fn pairs_beyond_the_value_limit_become_one_that_counts_those_before() {
    let mut record = LogRecord::new(Level::Info, "app", "many");
    record.key_values = (0..20).map(|n| (n.to_string(), n)).collect();
    record.context.push("worker", 3);
    record.instance = Some(70_000);

    for values in 21..30 {
        assert_eq!(decoded(&record, values), record, "within {values}");
    }
    let mut expected = record.clone();
    expected.context = [("cut", "… (cut after 0 pairs)")].into_iter().collect();
    assert_eq!(decoded(&record, 20), expected);
    for values in 0..20 {
        let kept = (0..values).map(|n| (n.to_string(), n as i64));
        expected.key_values = kept.collect();
        expected
            .key_values
            .push("cut", format!("… (cut after {values} pairs)"));
        assert_eq!(decoded(&record, values), expected);
    }
}

#[test]
fn a_value_that_has_too_many_values_is_left_out_with_those_after_it() {
    let list: List<'_> = (0..10).collect();
    let map: KeyValues<'_> = (0..10).map(|n| (n.to_string(), n)).collect();
    for value in [
        Value::from(list.clone()),
        map.into(),
        [list].into_iter().collect::<List<'_>>().into(),
    ] {
        let mut record = LogRecord::new(Level::Info, "app", "many");
        record.key_values.push("first", true);
        record.key_values.push("long", value);
        record.key_values.push("last", 1);
        record.error = Some(ErrorInfo::new("after the pairs"));

        assert_eq!(decoded(&record, 14), record);
        let cut = decoded(&record, 11);
        assert_eq!(
            cut.key_values.to_string(),
            r#"{"first":true,"cut":"… (cut after 1 pairs)"}"#
        );
        assert_eq!((cut.error, cut.message), (record.error, record.message));
    }
}

#[test]
fn spans_and_sources_beyond_the_value_limit_are_counted() {
    let mut record = LogRecord::new(Level::Info, "app", "many");
    for n in 0..5 {
        let fields = [("n", n)].into_iter().collect();
        record.spans.push("span", &fields);
    }
    let mut error = ErrorInfo::new("disk full");
    error.sources = ["a", "b", "c"].into_iter().collect();
    record.error = Some(error);
    record.instance = Some(7);

    assert_eq!(decoded(&record, 13), record);
    for values in 3..13 {
        let cut = decoded(&record, values);
        assert_eq!(cut.spans.to_string(), "… (cut, 5 spans)");
        assert_eq!((&cut.error, cut.instance), (&record.error, Some(7)));
    }
    let cut = decoded(&record, 2).error.expect("an error");
    assert_eq!(
        cut.sources.iter().collect::<Vec<_>>(),
        ["… (cut, 3 sources)"]
    );
}

#[test]
fn a_captured_record_is_within_the_value_limit() {
    /// An error that is its own source, and then pairs without end.
    #[derive(Debug)]
    struct Endless;
    impl std::fmt::Display for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("endless")
        }
    }
    impl std::error::Error for Endless {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&Endless)
        }
    }
    impl log::kv::Source for Endless {
        fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
            visitor.visit_pair("err".into(), kv::Value::from_dyn_error(self))?;
            loop {
                visitor.visit_pair("".into(), kv::Value::null())?;
            }
        }
    }
    let mut scratch = Scratch::new();
    let record = Record::builder().key_values(&Endless).build();
    let record = scratch.capture(&record).into_owned();
    let sources = record.error.as_ref().expect("an error").sources.iter();
    assert_eq!(
        record.key_values.len() + sources.count(),
        DEFAULT_VALUE_LIMIT
    );
    assert_eq!(decoded(&record, DEFAULT_VALUE_LIMIT), record);
}
