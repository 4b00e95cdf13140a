//! What a `log::Record` becomes, however its values behave.

mod common;

use std::fmt;

use common::payload;
use log::{Level, Record, kv, kv::Value as Kv};
use record_proto::{
    ErrorInfo, FORMATTING_FAILED, FORMATTING_PANICKED, LogRecord, Payload, Scratch, Value,
};

#[test]
fn everything_that_a_record_says_is_captured() {
    let record = Record::builder()
        .level(Level::Warn)
        .target("worker")
        .args(format_args!("low on disk"))
        .module_path(Some("worker::disk"))
        .file(Some("src/disk.rs"))
        .line(Some(42))
        .build();
    let captured = round_trip(Scratch::new().capture(&record));
    assert_eq!((captured.level, &*captured.target), (Level::Warn, "worker"));
    assert_eq!(captured.message, "low on disk");
    assert_eq!(captured.module_path.as_deref(), Some("worker::disk"));
    assert_eq!(captured.file.as_deref(), Some("src/disk.rs"));
    assert_eq!(captured.line, Some(42));
    assert!(captured.key_values.is_empty() && captured.context.is_empty());
    assert_eq!((captured.error, captured.original_length), (None, None));
    assert_eq!((captured.seq, captured.pid), (0, None));
    assert!(
        captured.time > 1_700_000_000_000_000_000,
        "the present time"
    );
}

#[test]
fn each_type_of_value_arrives_as_its_own() {
    let cases: Vec<(Kv<'_>, Value<'_>)> = vec![
        (Kv::from(i8::MIN), Value::I64(-128)),
        (Kv::from(i16::MIN), Value::I64(-32_768)),
        (Kv::from(i32::MIN), Value::I64(i32::MIN.into())),
        (Kv::from(i64::MIN), Value::I64(i64::MIN)),
        (Kv::from(u8::MAX), Value::I64(255)),
        (Kv::from(u16::MAX), Value::I64(65_535)),
        (Kv::from(u32::MAX), Value::I64(u32::MAX.into())),
        (Kv::from(u64::MAX), Value::U64(u64::MAX)),
        (Kv::from(usize::MAX), Value::U64(u64::MAX)),
        (Kv::from(isize::MIN), Value::I64(i64::MIN)),
        (Kv::from(1.5_f32), Value::F64(1.5)),
        (Kv::from(f64::MIN_POSITIVE), Value::F64(f64::MIN_POSITIVE)),
        (Kv::from(f64::INFINITY), Value::F64(f64::INFINITY)),
        (Kv::from(true), Value::Bool(true)),
        (Kv::from('ß'), Value::from("ß")),
        (Kv::from(""), Value::from("")),
        (Kv::from("text\u{1b}\0"), Value::from("text\u{1b}\0")),
        (Kv::null(), Value::Nil),
        (Kv::from_debug(&Some("x")), Value::from("Some(\"x\")")),
        (Kv::from_display(&"shown"), Value::from("shown")),
    ];
    for (given, expected) in &cases {
        let record = capture_one(given);
        assert_eq!(record.key_values.get("key").as_ref(), Some(expected));
        assert_eq!(record.key_values.len(), 1);
        assert_eq!(record.error, None);
    }
}

#[test]
fn integers_of_128_bits_are_integers_where_they_fit_64_and_text_elsewhere() {
    let cases: Vec<(Kv<'_>, Value<'_>)> = vec![
        (Kv::from(7_i128), Value::I64(7)),
        (Kv::from(i128::from(i64::MIN)), Value::I64(i64::MIN)),
        (Kv::from(i128::from(u64::MAX)), Value::U64(u64::MAX)),
        (Kv::from(i128::MIN), i128::MIN.to_string().into()),
        (Kv::from(u128::from(u64::MAX)), Value::U64(u64::MAX)),
        (Kv::from(u128::MAX), u128::MAX.to_string().into()),
    ];
    for (given, expected) in &cases {
        let record = capture_one(given);
        assert_eq!(record.key_values.get("key").as_ref(), Some(expected));
    }
}

#[test]
fn not_a_number_arrives_as_such() {
    let record = capture_one(&Kv::from(f64::NAN));
    assert!(matches!(record.key_values.get("key"), Some(Value::F64(n)) if n.is_nan()));
}

#[test]
fn the_first_error_keeps_its_sources_and_a_second_one_is_joined() {
    let (first, second) = (Linked(3), Linked(2));
    let kvs = [
        ("a", Kv::from_dyn_error(&first)),
        ("b", Kv::from_dyn_error(&second)),
    ];
    let record = capture_all(&kvs);
    let mut expected = ErrorInfo::new("link 3");
    expected.sources = ["link 2", "link 1"].into_iter().collect();
    expected.key = Some("a".into());
    assert_eq!(record.error, Some(expected));
    assert_eq!(record.key_values.get("a"), Some("link 3".into()));
    assert_eq!(record.key_values.get("b"), Some("link 2: link 1".into()));
}

#[test]
fn the_error_of_one_record_is_not_that_of_the_next() {
    let mut scratch = Scratch::new();
    let kvs = [("err", Kv::from_dyn_error(&Linked(1)))];
    let with = Record::builder().key_values(&kvs).build();
    assert!(scratch.capture(&with).error.is_some());
    let without = scratch
        .capture(&with_message(format_args!("next")))
        .into_owned();
    assert_eq!((without.error, without.key_values.len()), (None, 0));
}

#[test]
fn a_chain_of_errors_without_an_end_is_cut() {
    #[derive(Debug)]
    struct Loop;
    impl fmt::Display for Loop {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("again")
        }
    }
    impl std::error::Error for Loop {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&Loop)
        }
    }
    let kvs = [
        ("a", Kv::from_dyn_error(&Loop)),
        ("b", Kv::from_dyn_error(&Loop)),
    ];
    let record = capture_all(&kvs);
    assert_eq!(record.error.unwrap().sources.iter().count(), 64);
    let Some(Value::Str(text)) = record.key_values.get("b") else {
        panic!("a text");
    };
    assert_eq!(text.matches("again").count(), 65);
}

#[test]
fn what_fails_or_panics_while_it_is_formatted_keeps_its_text_so_far_and_a_mark() {
    for (breakage, mark) in [
        (Breakage::Fails, FORMATTING_FAILED),
        (Breakage::Panics, FORMATTING_PANICKED),
    ] {
        let expected = format!("so far{mark}");
        let args = format_args!("{breakage}");
        let message = round_trip(Scratch::new().capture(&with_message(args))).message;
        assert_eq!(message, expected);

        let kvs = [
            ("before", Kv::from(1)),
            ("display", Kv::from_display(&breakage)),
            ("debug", Kv::from_debug(&breakage)),
            ("error", Kv::from_dyn_error(&breakage)),
            ("second", Kv::from_dyn_error(&breakage)),
            ("after", Kv::from(2)),
        ];
        let record = capture_all(&kvs);
        assert_eq!(record.key_values.len(), 6);
        for key in ["display", "debug", "error", "second"] {
            assert_eq!(record.key_values.get(key), Some((&*expected).into()));
        }
        assert_eq!(record.key_values.get("after"), Some(2.into()));
        assert_eq!(record.error.unwrap().message, expected);
    }
}

#[test]
fn an_empty_message_is_one() {
    let record = round_trip(Scratch::new().capture(&with_message(format_args!(""))));
    assert_eq!((&*record.message, record.original_length), ("", None));
}

#[test]
fn a_message_is_cut_at_a_character_and_its_length_is_noted() {
    // "ä" takes two bytes: at an odd limit the last one does not fit.
    let text = "ä".repeat(10);
    for (limit, kept) in [(20, 20), (21, 20), (19, 18), (18, 18), (1, 0), (0, 0)] {
        let mut scratch = Scratch::new().with_text_limit(limit);
        let formatted = round_trip(scratch.capture(&with_message(format_args!("{text}"))));
        assert_eq!(formatted.message, text[..kept], "limit {limit}");
        assert_eq!(formatted.original_length, (kept < 20).then_some(20));

        // A literal is not formatted at all.
        let literal = format_args!("ääääääääää");
        let literal = round_trip(scratch.capture(&with_message(literal)));
        assert_eq!(literal.message, text[..kept], "limit {limit}");
        assert_eq!(literal.original_length, (kept < 20).then_some(20));
    }
}

#[test]
fn behind_a_cut_no_shorter_piece_slips_in() {
    let mut scratch = Scratch::new().with_text_limit(4);
    // Not literals, which would become one piece while compiling.
    let [a, b, c] = ["abc", "ä", "d"].map(str::to_owned);
    let record = scratch
        .capture(&with_message(format_args!("{a}{b}{c}")))
        .into_owned();
    assert_eq!((&*record.message, record.original_length), ("abc", Some(6)));
}

#[test]
fn the_default_limit_is_256_kib() {
    let text = "x".repeat(262_145);
    let mut scratch = Scratch::default();
    let record = scratch
        .capture(&with_message(format_args!("{text}")))
        .into_owned();
    assert_eq!(
        (record.message.len(), record.original_length),
        (262_144, Some(262_145))
    );
}

#[test]
fn a_long_text_among_the_values_says_that_it_was_cut() {
    let text = "x".repeat(101);
    let kvs = [
        ("str", Kv::from(&*text)),
        ("display", Kv::from_display(&text)),
        ("fits", Kv::from(&text[..100])),
    ];
    let record = Record::builder().key_values(&kvs).build();
    let mut scratch = Scratch::new().with_text_limit(100);
    let record = round_trip(scratch.capture(&record));
    let cut = format!("{}… (cut, 101 bytes)", "x".repeat(60));
    assert_eq!(record.key_values.get("str"), Some((&*cut).into()));
    assert_eq!(record.key_values.get("display"), Some((&*cut).into()));
    assert_eq!(record.key_values.get("fits"), Some(text[..100].into()));
}

#[test]
fn a_key_may_stand_more_than_once_and_order_is_kept() {
    let kvs = [
        ("job", Kv::from(1)),
        ("", Kv::from(2)),
        ("job", Kv::from("x")),
    ];
    let record = capture_all(&kvs);
    let pairs: Vec<_> = record.key_values.iter().collect();
    assert_eq!(
        pairs,
        [("job", 1.into()), ("", 2.into()), ("job", "x".into())]
    );
}

#[test]
fn a_record_has_as_many_pairs_as_it_was_given() {
    for count in [0, 1, 15, 16, 17, 8_000] {
        let kvs: Vec<_> = (0..count).map(|n| ("k", Kv::from(n))).collect();
        let record = capture_all(&kvs);
        assert_eq!(record.key_values.len(), count);
        let values = record.key_values.iter().map(|(_, value)| value);
        assert!(values.eq((0..count as u64).map(Value::from)), "{count}");
    }
}

#[test]
fn a_source_that_misstates_its_count_or_breaks_off_keeps_what_it_showed() {
    for end in [End::Ok, End::Err, End::Panic] {
        let source = Liar { end };
        let record = capture_all(&source);
        let pairs: Vec<_> = record.key_values.iter().collect();
        assert_eq!(pairs, [("shown", 1.into())]);
    }
}

fn capture_one(value: &Kv<'_>) -> LogRecord<'static> {
    capture_all(&[("key", value)])
}

fn capture_all(source: &dyn kv::Source) -> LogRecord<'static> {
    let record = Record::builder().key_values(source).build();
    round_trip(Scratch::new().capture(&record))
}

/// What a reader makes of it: the bytes are checked and say the same.
fn round_trip(record: LogRecord<'_>) -> LogRecord<'static> {
    let bytes = payload(&record);
    match Payload::decode(&bytes) {
        Ok(Payload::Record(read)) => {
            assert_eq!(read, record);
            read.into_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn with_message(args: fmt::Arguments<'_>) -> Record<'_> {
    Record::builder().args(args).build()
}

/// An error with as many links as its number says.
#[derive(Debug)]
struct Linked(u32);

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

impl std::error::Error for Linked {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.0 {
            3 => Some(&Linked(2)),
            2 => Some(&Linked(1)),
            _ => None,
        }
    }
}

enum Breakage {
    Fails,
    Panics,
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("so far")?;
        match self {
            Breakage::Fails => Err(fmt::Error),
            Breakage::Panics => panic!("while formatting"),
        }
    }
}

impl fmt::Debug for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Breakage {}

#[derive(Clone, Copy)]
enum End {
    Ok,
    Err,
    Panic,
}

/// Shows one pair, says that there are very many, and ends as it is told.
struct Liar {
    end: End,
}

impl kv::Source for Liar {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair("shown".into(), 1.into())?;
        match self.end {
            End::Ok => Ok(()),
            End::Err => Err(kv::Error::msg("broken off")),
            End::Panic => panic!("broken off"),
        }
    }

    fn count(&self) -> usize {
        usize::MAX
    }
}
