//! No input makes the decoder panic, recurse, loop or repeat the payload's bytes to a terminal.

mod common;

use std::thread;

use common::{golden_names, golden_payload, reason, record_with, record_with_value};
use log::{Log, Metadata, Record};
use proptest::{collection::vec, prelude::*};
use record_proto::{LogRecord, Payload, Progress, Reason, Reassembler};

/// Everything that can be read of a payload, where it can be read at all.
fn read_all(bytes: &[u8]) -> usize {
    match Payload::decode(bytes) {
        Ok(Payload::Record(record)) => read_record(&record),
        Ok(Payload::Hello(hello)) => hello.context.to_string().len(),
        Ok(Payload::Fragment(fragment)) => match Reassembler::new().push(&fragment) {
            Progress::Complete(joined) => LogRecord::decode(&joined).map_or(0, |_| joined.len()),
            _ => 0,
        },
        Ok(_) => 0,
        Err(error) => {
            assert!(error.offset() <= bytes.len());
            error.to_string().len()
        }
    }
}

fn read_record(record: &LogRecord<'_>) -> usize {
    struct All;
    impl Log for All {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            common::visited(record);
        }
        fn flush(&self) {}
    }
    record.with_record(|record| All.log(record));
    let json = serde_json::to_string(record).unwrap();
    serde_json::from_str::<LogRecord<'_>>(&json).unwrap();
    assert_eq!(record.clone().into_owned(), *record);
    format!("{record:?}").len()
}

#[test]
fn no_mutation_of_one_byte_of_a_golden_frame_panics() {
    for name in golden_names() {
        let mut payload = golden_payload(&name);
        for at in 0..payload.len() {
            let byte = payload[at];
            for mutated in 0..=u8::MAX {
                payload[at] = mutated;
                // All of it is read once for each place; the rest is decoding, which checks everything.
                if mutated == byte ^ 1 || name == "record-all" {
                    read_all(&payload);
                } else {
                    let _ = Payload::decode(&payload);
                }
            }
            payload[at] = byte;
        }
    }
}

#[test]
fn lengths_that_promise_what_is_not_there_are_refused_at_once() {
    // Array, map, text, bytes and extension of 2^32 - 1.
    for marker in [0xdd, 0xdf, 0xdb, 0xc6, 0xc9] {
        let bomb = [marker, 0xff, 0xff, 0xff, 0xff];
        let everywhere = [
            [&[1], &bomb[..]].concat(),
            [&[1, 0x95], &bomb[..]].concat(),
            [&[1, 0x95, 0, 0, 3, 0xa0], &bomb[..]].concat(),
            record_with(8, &[&[0xc0; 7][..], &bomb].concat()),
            record_with(9, &[&[0xc0; 8][..], &bomb].concat()),
            record_with(10, &[&[0xc0; 9][..], &bomb].concat()),
            record_with(10, &[&[0xc0; 9][..], &[0x92, 0xa0], &bomb].concat()),
            record_with_value(&bomb),
            record_with_value(&[&[0x91], &bomb[..]].concat()),
            [&[2, 0x95, 0xc0, 0, 0, 0xc3], &bomb[..]].concat(),
            [&[3, 0x93, 0xc0, 0xc0], &bomb[..]].concat(),
            // A field of a later version.
            [&[4, 0x95, 0xc0, 0xc0, 0, 0], &bomb[..]].concat(),
        ];
        for payload in everywhere {
            assert!(
                matches!(
                    reason(&payload),
                    Reason::UnexpectedEnd | Reason::Type { .. }
                ),
                "{marker:#x}: {payload:x?}"
            );
        }
    }
}

#[test]
fn bombs_within_bombs_do_not_overflow_what_is_still_to_be_skipped() {
    let bombs = [0xdf, 0xff, 0xff, 0xff, 0xff].repeat(1000);
    let payload = [&[4, 0x95, 0xc0, 0xc0, 0, 0], &bombs[..]].concat();
    assert_eq!(reason(&payload), Reason::UnexpectedEnd);
}

#[test]
fn fields_of_a_later_version_are_skipped_at_any_depth_on_a_small_stack() {
    let lists = [0x91; 100_000];
    let maps = [0x81, 0xa0].repeat(100_000);
    for nested in [&lists[..], &maps] {
        let whole = [&[4, 0x95, 0xc0, 0xc0, 5, 0], nested, &[0xc0]].concat();
        let cut = whole[..whole.len() - 1].to_vec();
        let thread = thread::Builder::new().stack_size(128 * 1024);
        let read = thread.spawn(move || {
            assert!(
                matches!(Payload::decode(&whole), Ok(Payload::Close(close)) if close.sent == 5)
            );
            assert_eq!(reason(&cut), Reason::UnexpectedEnd);
        });
        read.unwrap().join().unwrap();
    }
}

#[test]
fn deep_values_are_refused_on_a_small_stack() {
    let payload = record_with_value(&[0x91; 100_000]);
    let thread = thread::Builder::new().stack_size(128 * 1024);
    let read = thread.spawn(move || assert_eq!(reason(&payload), Reason::TooDeep));
    read.unwrap().join().unwrap();
}

/// A logger may print, clone or compare the error that it is shown, and most do so link by link.
#[test]
fn a_chain_as_long_as_its_frame_is_handled_on_a_small_stack() {
    let mut record = common::record_of("chain");
    let mut error = record_proto::ErrorInfo::new("first");
    error.sources = std::iter::repeat_n("", 60_000).collect();
    error.key = Some("err".into());
    record.key_values.push("err", "first");
    record.error = Some(error);
    let payload = common::payload(&record);
    let thread = thread::Builder::new().stack_size(128 * 1024);
    let read = thread.spawn(move || {
        let record = LogRecord::decode_with_limit(&payload, usize::MAX).unwrap();
        assert_eq!(
            record.error.as_ref().unwrap().sources.iter().count(),
            60_000
        );
        let error = record.error.as_ref().unwrap().to_error();
        assert!(format!("{error:?} {error:#?}").contains("first"));
        assert_eq!(error.clone(), error);
        record.with_record(|record| {
            let value = record.key_values().get("err".into()).unwrap();
            assert!(format!("{value} {value:?}").contains("first"));
        });
    });
    read.unwrap().join().unwrap();
}

#[test]
fn errors_quote_nothing_of_the_payload_and_have_no_control_characters() {
    // Every byte that stands for itself in a text is a snowman's or a control's.
    let marks = ["\u{2603}", "\x1b", "\u{202e}", "\n", "\x07"];
    for mark in marks {
        for name in golden_names() {
            let payload = golden_payload(&name);
            for at in 0..payload.len() {
                let mut broken = payload.clone();
                broken.splice(at.., mark.repeat(50).bytes());
                let Err(error) = Payload::decode(&broken) else {
                    continue;
                };
                for text in [error.to_string(), format!("{error:?}")] {
                    assert!(text.is_ascii(), "{text:?}");
                    assert!(!text.contains(char::is_control), "{text:?}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_fields_of_a_known_kind_never_panic(
        kind in 0_u8..5,
        count in 0_u8..16,
        // Small numbers, nils and short texts keep the decoder going; the rest is anything.
        objects in vec(
            prop_oneof![
                Just(vec![0xc0]),
                (0_u8..8).prop_map(|n| vec![n]),
                Just(vec![0xa1, b'x']),
                Just(vec![0x81, 0xa1, b'k', 0x91, 0xc3]),
                Just(vec![0x92, 0xa1, b'e', 0x91, 0xa1, b's']),
                Just(vec![0xc4, 1, 0]),
                vec(any::<u8>(), 1..9),
            ],
            0..17,
        ),
    ) {
        let payload = [&[kind, 0x90 + count][..], &objects.concat()].concat();
        read_all(&payload);
    }
}
