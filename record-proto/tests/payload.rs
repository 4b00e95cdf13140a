//! What a payload may hold, and what it costs to hold anything else.

mod common;

use common::{golden_payload, reason, record_with, record_with_value, refused};
use record_proto::{LogRecord, Payload, Reason};

#[test]
fn an_empty_payload_is_refused() {
    assert_eq!(reason(&[]), Reason::Empty);
}

#[test]
fn a_kind_that_is_no_positive_fixint_is_refused() {
    for first in 0x80..=0xff {
        assert_eq!(reason(&[first, 0x90]), Reason::Kind, "{first:#x}");
    }
    // The number 1 in a longer form is no kind either.
    assert_eq!(reason(&[0xcc, 1, 0x90]), Reason::Kind);
}

#[test]
fn every_unknown_kind_is_passed_over_whatever_stands_behind_it() {
    for kind in 6..=0x7f {
        for rest in [&[][..], &[0x90], &[0xc1], &[0x90, 0x90]] {
            let payload = [&[kind], rest].concat();
            assert_eq!(Payload::decode(&payload), Ok(Payload::Unknown(kind)));
        }
    }
}

#[test]
fn of_a_bell_nothing_but_its_kind_is_looked_at() {
    for rest in [&[][..], &[0x90], &[0xc1], &[0x91, 7, 0x90]] {
        let payload = [&[5], rest].concat();
        assert_eq!(Payload::decode(&payload), Ok(Payload::Bell));
    }
}

#[test]
fn a_payload_that_ends_anywhere_inside_is_refused_at_its_end() {
    for name in ["record-all", "hello", "fragment-first", "dropped", "close"] {
        let payload = golden_payload(name);
        for end in 1..payload.len() {
            let error = refused(&payload[..end]);
            assert_eq!(error.reason(), Reason::UnexpectedEnd, "{name} at {end}");
            assert!(error.offset() <= end);
        }
    }
}

#[test]
fn bytes_behind_the_fields_are_refused_and_counted() {
    for name in ["record", "hello", "fragment-first", "dropped", "close"] {
        let mut payload = golden_payload(name);
        let length = payload.len();
        payload.extend([0xc0, 0xc1, 0xff]);
        let error = refused(&payload);
        assert_eq!(error.reason(), Reason::TrailingBytes(3), "{name}");
        assert_eq!(error.offset(), length, "{name}");
    }
}

#[test]
fn fewer_fields_than_a_kind_needs_are_refused() {
    for found in 0..5 {
        let payload = [&[1, 0x90 + found][..], &[0; 5]].concat();
        let reason_of_record = Reason::TooFewFields {
            found: found.into(),
            least: 5,
        };
        assert_eq!(reason(&payload), reason_of_record);
        let payload = [&[2, 0x90 + found][..], &[0; 5]].concat();
        assert_eq!(reason(&payload), reason_of_record);
    }
    let no_message = record_with(10, &[&[0xc0; 9][..], &[0x90]].concat());
    let none = Reason::TooFewFields { found: 0, least: 1 };
    assert_eq!(reason(&no_message), none);
}

#[test]
fn an_object_of_the_wrong_type_is_refused_by_name() {
    let wrong = |expected, found| Reason::Type { expected, found };
    let unsigned = "an unsigned integer";
    // Each required field of a record in turn, then fields of the other kinds.
    let cases: &[(&str, &[u8], Reason)] = &[
        ("record", &[1, 0x80], wrong("an array", "a map")),
        ("record", &[1, 0xc0], wrong("an array", "nil")),
        (
            "record seq",
            &[1, 0x95, 0xff],
            wrong(unsigned, "a negative integer"),
        ),
        ("record seq", &[1, 0x95, 0xc0], wrong(unsigned, "nil")),
        (
            "record time",
            &[1, 0x95, 0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
            wrong(unsigned, "a float"),
        ),
        (
            "record level",
            &[1, 0x95, 0, 0, 0xa4, b'I', b'N', b'F', b'O'],
            wrong(unsigned, "text"),
        ),
        (
            "record target",
            &[1, 0x95, 0, 0, 3, 0xc0],
            wrong("text", "nil"),
        ),
        (
            "record message",
            &[1, 0x95, 0, 0, 3, 0xa0, 0xc4, 1, b'x'],
            wrong("text", "bytes"),
        ),
        (
            "hello version",
            &[0, 0x91, 0xc3],
            wrong(unsigned, "a boolean"),
        ),
        (
            "hello context",
            &[0, 0x95, 1, 0xc0, 0xc0, 0xc0, 0x90],
            wrong("a map", "an array"),
        ),
        (
            "fragment last",
            &[2, 0x95, 0xc0, 1, 0, 1, 0xc4, 0],
            wrong("a boolean", "an unsigned integer"),
        ),
        (
            "fragment bytes",
            &[2, 0x95, 0xc0, 1, 0, 0xc3, 0xa1, b'x'],
            wrong("bytes", "text"),
        ),
        (
            "fragment stream",
            &[2, 0x95, 0xc0, 0xc0, 0, 0xc3, 0xc4, 0],
            wrong(unsigned, "nil"),
        ),
        (
            "dropped counts",
            &[3, 0x93, 0xc0, 0xc0, 7],
            wrong("an array", "an unsigned integer"),
        ),
        (
            "dropped counts",
            &[3, 0x93, 0xc0, 0xc0, 0x91, 0xc0],
            wrong(unsigned, "nil"),
        ),
        (
            "close sent",
            &[4, 0x93, 0xc0, 0xc0, 0xd4, 1, 1],
            wrong(unsigned, "an extension"),
        ),
    ];
    for (part, payload, reason) in cases {
        let error = refused(payload);
        assert_eq!((error.part(), error.reason()), (*part, *reason));
    }
}

#[test]
fn an_extension_is_refused_in_every_field_that_is_known() {
    // The smallest extension with one byte of content.
    let ext = [0xd4, 1, 0];
    let nils = [0xc0; 11];
    for position in 0..11 {
        let fields = [&nils[..position], &ext, &nils[position + 1..]].concat();
        let payload = [&[1, 0xdc, 0, 16, 0, 0, 3, 0xa0, 0xa0], &fields[..]].concat();
        let Reason::Type { found, .. } = reason(&payload) else {
            panic!("{position}");
        };
        assert_eq!(found, "an extension");
    }
    let Reason::Type { expected, found } = reason(&record_with_value(&ext)) else {
        panic!("an extension as a value");
    };
    assert_eq!((expected, found), ("a value", "an extension"));
}

#[test]
fn numbers_out_of_their_range_are_refused() {
    for level in [0, 6, 127] {
        let error = refused(&[1, 0x95, 0, 0, level, 0xa0, 0xa0]);
        assert!(matches!(error.reason(), Reason::Range(_)));
        assert_eq!((error.part(), error.offset()), ("record level", 4));
    }
    let nils = [0xc0; 6];
    let line = |bytes: &[u8]| record_with(7, &[&nils[..], bytes].concat());
    assert!(Payload::decode(&line(&[0xce, 255, 255, 255, 255])).is_ok());
    let error = refused(&line(&[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]));
    assert_eq!(error.part(), "record line");
    assert!(matches!(error.reason(), Reason::Range(_)));
}

#[test]
fn the_marker_that_messagepack_never_uses_is_refused() {
    assert_eq!(reason(&[1, 0xc1]), Reason::ReservedMarker);
    assert_eq!(reason(&record_with_value(&[0xc1])), Reason::ReservedMarker);
    // In a field that only a later version knows, too: where it ends cannot be known.
    let payload = [&[4, 0x95, 0xc0, 0xc0, 0, 0][..], &[0xc1]].concat();
    assert_eq!(reason(&payload), Reason::ReservedMarker);
}

#[test]
fn text_that_is_not_utf_8_is_refused_in_every_text_field() {
    let mut parts = Vec::new();
    for name in ["record-all", "record-panic", "hello"] {
        let payload = golden_payload(name);
        for at in 1..payload.len() {
            let mut broken = payload.clone();
            broken[at] = 0xff;
            if let Err(error) = Payload::decode(&broken)
                && error.reason() == Reason::NotUtf8
            {
                assert_eq!(error.offset(), at, "the place of the bad byte");
                parts.push(error.part());
            }
        }
    }
    parts.sort();
    parts.dedup();
    let texts = [
        "hello context",
        "hello process name",
        "record context",
        "record error",
        "record file",
        "record key-values",
        "record message",
        "record module path",
        "record process name",
        "record target",
        "record thread name",
    ];
    assert_eq!(parts, texts);
}

#[test]
fn values_nest_to_a_depth_of_eight_in_lists_and_in_maps() {
    for level in [&[0x91][..], &[0x81, 0xa1, b'k']] {
        let nested = |depth| record_with_value(&[&level.repeat(depth)[..], &[0xc0]].concat());
        assert!(Payload::decode(&nested(8)).is_ok());
        for depth in [9, 10, 1000] {
            assert_eq!(reason(&nested(depth)), Reason::TooDeep);
        }
    }
    assert!(Payload::decode(&golden_payload("values-eight-deep")).is_ok());
}

#[test]
fn a_nested_map_with_a_key_that_is_no_text_is_refused() {
    for key in [&[0x07][..], &[0xc0], &[0xc4, 1, b'k'], &[0x90]] {
        let value = [&[0x91, 0x81], key, &[0x01]].concat();
        let error = refused(&record_with_value(&value));
        assert_eq!(error.part(), "record key-values");
        assert!(matches!(
            error.reason(),
            Reason::Type {
                expected: "text",
                ..
            }
        ));
    }
}

#[test]
fn joined_fragments_must_be_a_record() {
    for name in [
        "hello",
        "fragment-first",
        "dropped",
        "close",
        "newer-kind-100",
    ] {
        let payload = golden_payload(name);
        let error = LogRecord::decode(&payload).unwrap_err();
        assert_eq!(error.reason(), Reason::NotARecord(payload[0]));
    }
    assert!(LogRecord::decode(&golden_payload("record")).is_ok());
}

#[test]
fn every_number_but_1_to_5_is_no_level() {
    let levels: Vec<_> = log::Level::iter().collect();
    for number in 0..=u8::MAX {
        let decoded = match Payload::decode(&[1, 0x95, 0, 0, 0xcc, number, 0xa0, 0xa0]) {
            Ok(Payload::Record(record)) => Some(record.level),
            _ => None,
        };
        let expected = usize::from(number).checked_sub(1);
        let expected = expected.and_then(|place| levels.get(place).copied());
        assert_eq!(decoded, expected, "{number}");
    }
}
