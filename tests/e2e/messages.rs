//! Messages of any length and any text.

use std::collections::HashMap;

use record_proto::Payload;

use crate::support::{Tape, number, pattern, piped, scenario, within};

/// The longest message that a handler keeps, and the most bytes that one write to a pipe keeps together.
const MESSAGE_LIMIT: usize = 262_144;
const PIPE_BUF: usize = 4_096;

#[test]
fn messages_of_every_size_arrive_whole() {
    let sizes = [0, 1, 4_000, 4_095, 4_096, 4_097, 65_536, MESSAGE_LIMIT];
    let outcome = sizes
        .iter()
        .fold(scenario("sizes"), |s, size| s.arg(size))
        .run();
    outcome.assert_complete();

    assert_eq!(outcome.records.len(), sizes.len());
    for (record, size) in outcome.records.iter().zip(sizes) {
        assert_eq!(record.message.len(), size);
        assert!(
            record.message == pattern(size, 0),
            "{size} bytes are as they were"
        );
        assert_eq!(record.original_length, None);
    }
}

#[test]
fn a_message_above_the_limit_is_cut_and_says_how_long_it_was() {
    let outcome = scenario("sizes")
        .arg(1_000_000)
        .arg(MESSAGE_LIMIT + 1)
        .arg(5)
        .run();
    outcome.assert_complete();

    for (record, size) in outcome.records.iter().zip([1_000_000, MESSAGE_LIMIT + 1]) {
        assert!(
            record.message == pattern(MESSAGE_LIMIT, 0),
            "the beginning of it"
        );
        assert_eq!(record.original_length, Some(size as u64));
    }
    assert_eq!(outcome.records[2].message, pattern(5, 0));
    assert_eq!(outcome.records[2].original_length, None);
}

#[test]
fn no_frame_is_larger_than_one_write_keeps_in_one_piece() {
    let tape = Tape::default();
    let outcome = within(async {
        let running = piped("sweep").arg(3_700).arg(4_200).start();
        running.logs(|logs| logs.tee(tape.clone())).finish().await
    });
    outcome.assert_complete();

    let frames = tape.frames();
    let largest = frames.iter().map(|frame| 4 + frame.payload().len()).max();
    assert!(largest <= Some(PIPE_BUF), "{largest:?}");
    assert!(
        largest > Some(PIPE_BUF - 64),
        "frames are filled: {largest:?}"
    );
    let is_fragment = |payload: &Payload<'_>| matches!(payload, Payload::Fragment(_));
    let fragments = frames
        .iter()
        .filter(|frame| is_fragment(&frame.decode().unwrap()));
    assert!(fragments.count() > 100, "the sizes go across the limit");

    assert_eq!(outcome.records.len(), 500);
    for (record, size) in outcome.records.iter().zip(3_700..) {
        assert!(record.message == pattern(size, size), "{size} bytes");
    }
}

#[test]
fn large_records_of_five_threads_at_once_are_all_whole() {
    let outcome = scenario("together").arg(5).arg(4).run();
    outcome.assert_complete();

    assert_eq!(outcome.records.len(), 20);
    let mut next: HashMap<u64, u64> = HashMap::new();
    for record in &outcome.records {
        let (t, n) = (number(record, "t"), number(record, "n"));
        let start = usize::try_from(t + n).expect("small");
        assert!(
            record.message == pattern(MESSAGE_LIMIT, start),
            "thread {t}, record {n}"
        );
        let expected = next.entry(t).or_default();
        assert_eq!(n, *expected, "thread {t}");
        *expected += 1;
    }
}

#[test]
fn a_record_that_is_large_in_every_part_is_cut_to_its_limit_and_arrives() {
    let tape = Tape::default();
    let outcome = within(async {
        let running = scenario("large-parts").start();
        running.logs(|logs| logs.tee(tape.clone())).finish().await
    });
    outcome.assert_complete();

    let first = tape.frames()[0].payload().len();
    assert!(first + 4 <= PIPE_BUF, "hello has {first} bytes");
    assert_eq!(outcome.records.len(), 2);
    let record = &outcome.records[0];
    assert_eq!(record.original_length, Some(400_000));
    assert!(!record.message.is_empty());
    assert_eq!(record.target, pattern(1_024, 1), "names at 1 KiB each");
    assert_eq!(text_of(&record.context, "small"), "1");
    for cut in [
        text_of(&record.key_values, "own"),
        text_of(&record.context, "large"),
    ] {
        assert!(
            cut.len() < 400_000 && cut.contains("cut"),
            "each cut is marked"
        );
    }
    assert_eq!(outcome.records[1].message, "afterwards");
}

#[test]
fn names_are_cut_to_1_kib_each_in_records_and_in_hello() {
    let tape = Tape::default();
    let outcome = within(async {
        let running = scenario("long-names").start();
        running.logs(|logs| logs.tee(tape.clone())).finish().await
    });
    outcome.assert_complete();
    let record = &outcome.records[0];
    assert_eq!(record.process.as_deref(), Some(&*pattern(1_024, 0)));
    assert_eq!(record.thread.as_deref(), Some(&*pattern(1_024, 1)));
    assert_eq!(record.target, pattern(1_024, 2));
    let frames = tape.frames();
    let largest = frames.iter().map(|frame| 4 + frame.payload().len()).max();
    assert!(largest <= Some(PIPE_BUF), "{largest:?}");
}

fn text_of(pairs: &record_proto::KeyValues<'_>, key: &str) -> String {
    pairs.get(key).expect("a value").to_string()
}

#[test]
fn text_of_any_script_and_with_any_control_character_arrives_as_it_was() {
    let texts = [
        "Grüße, 世界 🦀 и мир",
        "e\u{301}\u{200d}👩\u{200d}💻\u{fe0f} עברית \u{202e}reversed",
        "\u{1b}[2J\r\n\ttab \u{7f}\u{85}\u{2028}\u{feff}",
        "line one\nline two\n",
        "{} {0} %s \\ \"quoted\" 'x' \u{1}\u{1f}",
        "\u{10ffff}\u{fffd}",
    ];
    let outcome = texts
        .iter()
        .fold(scenario("texts"), |s, text| s.arg(text))
        .run();
    outcome.assert_complete();

    for (record, text) in outcome.records.iter().zip(texts) {
        assert_eq!(record.message, text);
        assert_eq!(record.target, text);
        let values: Vec<_> = record.key_values.iter().collect();
        assert_eq!(values[0], ("text", text.into()));
        assert_eq!(values[1], ("text", format!("{text:?}").into()));
    }
    let last: Vec<_> = outcome.messages().split_off(texts.len());
    assert_eq!(last, ["", "Grüße, 世界 🦀"], "literals as well");
}

#[test]
fn a_cut_message_ends_at_a_character() {
    // Unlike in the pattern, each character has three bytes, and the limit is no multiple of three.
    let text = "世".repeat(100_000);
    let outcome = scenario("repeat").arg("世").arg(100_000).run();
    outcome.assert_complete();

    let record = &outcome.records[0];
    assert_eq!(record.original_length, Some(text.len() as u64));
    assert_eq!(record.message.len(), MESSAGE_LIMIT - MESSAGE_LIMIT % 3);
    assert!(text.starts_with(&*record.message));
}
