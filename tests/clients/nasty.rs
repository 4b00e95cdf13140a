//! The list of nasty values, `examples/clients/nasty.md`, and whether a record is what a row of it says.

use std::collections::HashSet;

use pipe_subscriber::LogRecord;
use record_proto::Value;

use crate::language::Language;

const LIST: &str = include_str!("../../examples/clients/nasty.md");

struct Row {
    name: &'static str,
    letters: &'static str,
    arrives: Vec<Arrives>,
}

/// What may arrive.
#[derive(Debug)]
enum Arrives {
    /// `value` is this, as JSON; NaN and infinities as in Rust.
    Exactly(&'static str),
    Text,
    TextWith(&'static str),
    List,
    Map,
    Bytes(&'static str),
    Pairs(&'static str),
    SomePair(&'static str),
    Record,
}

pub(crate) fn nasty(language: &Language) {
    let outcome = language.child("nasty").run();
    outcome.assert_complete();
    let mut faults = Vec::new();
    let rows = rows().filter(|row| row.letters.contains(language.letter));
    let mut expected = 1;
    for row in rows {
        expected += 1;
        let named = |record: &&LogRecord<'_>| is_named(record, row.name);
        let found: Vec<_> = outcome.records.iter().filter(named).collect();
        match found[..] {
            [record] if row.arrives.iter().any(|arrives| arrives.fits(record)) => {}
            [record] => faults.push(format!(
                "{} arrived as {:.200}, not as {:?}",
                row.name,
                record.key_values.to_string(),
                row.arrives
            )),
            _ => faults.push(format!("{} arrived {} times", row.name, found.len())),
        }
    }
    // Values may log what is in them.
    let own = |record: &&LogRecord<'_>| record.message != "inner";
    let records: Vec<_> = outcome.records.iter().filter(own).collect();
    if records.len() != expected {
        faults.push(format!("{} records, not {expected}", records.len()));
    }
    let last = records.last().map(|record| &*record.message);
    assert_eq!(last, Some("end"), "{faults:#?}");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Returns whether the message is the name, or the name and more.
fn is_named(record: &LogRecord<'_>, name: &str) -> bool {
    let rest = record.message.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Returns the rows of all tables.
fn rows() -> impl Iterator<Item = Row> {
    let lines = LIST.lines().filter(|line| line.starts_with("| "));
    lines
        .map(|line| line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])))
        .map(|cells| cells.collect::<Vec<_>>())
        .filter(|cells| cells[0] != "name")
        .map(|cells| match cells[..] {
            [name, _, letters, arrives] => Row {
                name,
                letters,
                arrives: arrives.split(" or ").map(Arrives::parse).collect(),
            },
            _ => panic!("not four cells: {cells:?}"),
        })
}

impl Arrives {
    fn parse(text: &'static str) -> Self {
        let (words, quoted) = match text.split_once('`') {
            Some((words, quoted)) => (words.trim(), quoted.trim_end_matches('`')),
            None => (text, ""),
        };
        match (words, quoted) {
            ("", json) => Self::Exactly(json),
            ("text", "") => Self::Text,
            ("text with", part) => Self::TextWith(part),
            ("list", "") => Self::List,
            ("map", "") => Self::Map,
            ("bytes", digits) => Self::Bytes(digits),
            ("pairs", json) => Self::Pairs(json),
            ("a pair with", json) => Self::SomePair(json),
            ("record", "") => Self::Record,
            _ => panic!("not understood: {text:?}"),
        }
    }

    fn fits(&self, record: &LogRecord<'_>) -> bool {
        let pairs = &record.key_values;
        let value = pairs.get("value");
        match (self, value) {
            (Self::Record, _) => true,
            (Self::Pairs(json), _) => pairs.to_string() == *json,
            (Self::SomePair(json), _) => pairs.iter().any(|(_, value)| value.to_string() == *json),
            (Self::Exactly("NaN"), Some(Value::F64(number))) => number.is_nan(),
            (Self::Exactly(name @ ("inf" | "-inf")), Some(Value::F64(number))) => {
                number.to_string() == *name
            }
            (Self::Exactly(json), Some(_)) => pairs.to_string() == format!("{{\"value\":{json}}}"),
            (Self::Text, Some(Value::Str(_))) => true,
            (Self::TextWith(part), Some(Value::Str(text))) => text.contains(part),
            (Self::List, Some(Value::List(_))) | (Self::Map, Some(Value::Map(_))) => true,
            (Self::Bytes(digits), Some(Value::Bytes(bytes))) => {
                let hex = |byte: &u8| format!("{byte:02x}");
                bytes.iter().map(hex).collect::<String>() == **digits
            }
            _ => false,
        }
    }
}

#[test]
fn the_list_is_understood_and_no_name_begins_with_another_and_a_blank() {
    let mut names = HashSet::new();
    for row in rows() {
        assert!(names.insert(row.name), "{} stands there twice", row.name);
        assert!(!row.name.contains(' '), "{}", row.name);
        let letters = row.letters.split(' ');
        assert!(letters.clone().all(|letter| "PNGRC".contains(letter)));
        assert!(!row.arrives.is_empty());
    }
    assert!(names.len() > 50, "{}", names.len());
}
