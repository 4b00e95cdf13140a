//! Key-values keep their types, and errors their sources.

use record_proto::{LogRecord, Value};

use crate::support::scenario;

/// Returns all key-values of a record.
fn values<'r>(record: &'r LogRecord<'_>) -> Vec<(&'r str, Value<'r>)> {
    record.key_values.iter().collect()
}

fn text(value: &str) -> Value<'_> {
    Value::Str(value.into())
}

#[test]
fn key_values_of_every_type_keep_it() {
    let outcome = scenario("kinds").run();
    outcome.assert_complete();
    let by_message = |message: &str| {
        let mut records = outcome.records.iter();
        values(
            records
                .find(|record| record.message == message)
                .expect(message),
        )
    };

    let expected = [("yes", Value::Bool(true)), ("no", Value::Bool(false))];
    assert_eq!(by_message("booleans"), expected);

    let expected = [
        ("a", Value::I64(7)),
        ("b", Value::U64(u64::MAX)),
        ("c", Value::I64(i64::MIN)),
        ("d", Value::I64(-1)),
        ("e", Value::I64(65_535)),
        ("f", Value::I64(i64::MAX)),
        ("g", Value::U64(u64::MAX)),
        ("h", Value::U64(u64::MAX - 1)),
    ];
    assert_eq!(by_message("integers"), expected);

    let [a, b, c] = [
        i128::MAX.to_string(),
        i128::MIN.to_string(),
        u128::MAX.to_string(),
    ];
    let expected = [
        ("a", text(&a)),
        ("b", text(&b)),
        ("c", text(&c)),
        ("d", Value::I64(5)),
        ("e", Value::U64(u64::MAX)),
    ];
    assert_eq!(
        by_message("wide integers"),
        expected,
        "numbers where they fit 64 bits"
    );

    let floats: Vec<f64> = by_message("floats")
        .into_iter()
        .map(|(key, value)| match value {
            Value::F64(value) => value,
            other => panic!("{key} is {other:?}"),
        })
        .collect();
    let expected = [
        0.5,
        f64::MIN_POSITIVE,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        1e300,
    ];
    let bits = |floats: &[f64]| floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&floats), bits(&expected));

    let expected = [
        ("a", text("")),
        ("b", text("text")),
        ("c", text("owned")),
        ("d", text("ß")),
        ("e", text("x")),
    ];
    assert_eq!(by_message("texts"), expected);

    let expected = [
        ("a", text("Some([1, 2])")),
        ("b", text("127.0.0.1")),
        ("c", text("\"quoted\"")),
    ];
    assert_eq!(by_message("formatted"), expected);
    assert_eq!(by_message("none"), []);
}

#[test]
fn key_values_keep_their_order_and_their_duplicates() {
    let outcome = scenario("kinds").run();
    outcome.assert_complete();
    let mut records = outcome.records.iter();
    let record = records
        .find(|record| record.message == "duplicates")
        .expect("a record");
    let expected = [
        ("same", Value::I64(1)),
        ("same", Value::I64(2)),
        ("other", Value::I64(3)),
        ("same", Value::I64(1)),
    ];
    assert_eq!(values(record), expected);
}

#[test]
fn the_first_error_keeps_its_chain_of_sources_and_a_second_is_joined_text() {
    let outcome = scenario("errors").run();
    outcome.assert_complete();

    let record = &outcome.records[0];
    let expected = [
        ("attempt", Value::I64(1)),
        ("err", text("job failed")),
        ("also", text("cannot report: no route")),
        ("after", Value::I64(2)),
    ];
    assert_eq!(values(record), expected);
    let error = record.error.as_ref().expect("an error");
    assert_eq!(error.message, "job failed");
    assert_eq!(error.key.as_deref(), Some("err"));
    let sources: Vec<&str> = error.sources.iter().collect();
    assert_eq!(sources, ["cannot read block", "disk is gone"]);

    let error = outcome.records[1].error.as_ref().expect("an error");
    assert_eq!(error.message, "alone");
    assert!(error.sources.is_empty());
}

#[test]
fn the_logger_gets_an_error_whose_sources_can_be_walked() {
    let outcome = scenario("errors").run();
    outcome.assert_complete();

    outcome.records[0].with_record(|record| {
        let value = record.key_values().get("err".into()).expect("a value");
        let error = value.to_borrowed_error().expect("an error");
        assert_eq!(error.to_string(), "job failed");
        let source = error.source().expect("a source");
        assert_eq!(source.to_string(), "cannot read block");
        assert_eq!(
            source.source().expect("a source").to_string(),
            "disk is gone"
        );
    });
}

#[cfg(feature = "kv_serde")]
#[test]
fn structures_among_the_key_values_keep_their_structure() {
    let outcome = scenario("structures").run();
    outcome.assert_complete();

    let job = outcome.records[0].key_values.get("job").expect("a value");
    let Value::Map(job) = job else {
        panic!("{job:?}");
    };
    assert_eq!(job.get("id"), Some(Value::U64(u64::MAX)));
    assert_eq!(
        job.to_string(),
        r#"{"id":18446744073709551615,"tags":["a","b"],"range":[-1,0.5],"owner":null,"state":{"Waiting":{"since":9}}}"#
    );
}
