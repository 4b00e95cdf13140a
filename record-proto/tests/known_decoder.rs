//! Payloads of any contents, decoded by one decoder that knows the earlier ones.

mod common;

use common::inputs::known_decoder::{check, compare};
use common::{golden_names, golden_payload, payload, record_of};
use proptest::{collection::vec, prelude::*};
use record_proto::{KeyValues, List, RecordDecoder, Spans};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_record_that_the_decoder_takes_is_the_one_that_the_payload_is(bytes in vec(any::<u8>(), 0..2000)) {
        check(&bytes);
    }

    #[test]
    fn so_is_one_of_few_and_simple_choices(bytes in vec(prop_oneof![0_u8..8, 0_u8..=255], 0..2000)) {
        check(&bytes);
    }
}

#[test]
fn golden_payloads_decode_the_same_in_any_order() {
    let mut decoder = RecordDecoder::new();
    let names = golden_names();
    for first in &names {
        for name in [first].into_iter().chain(&names) {
            compare(&mut decoder, &golden_payload(name));
        }
    }
}

#[test]
fn records_with_the_usual_fields_are_taken() {
    let mut record = record_of("hello");
    record.pid = Some(4711);
    record.module_path = Some("app::job".into());
    record.key_values = [("job", "7"), ("path", "/größe")].into_iter().collect();
    record.context = [("worker", 3)].into_iter().collect();
    let mut decoder = RecordDecoder::new();
    for instance in [None, Some(0x1234_5678)] {
        record.instance = instance;
        for number in [0, 42, 127, 128, 200, 255, 256, 65_536] {
            (record.seq, record.line) = (number.into(), Some(number));
            assert!(compare(&mut decoder, &payload(&record)), "{record:?}");
            let mut trailing = payload(&record);
            trailing.extend([0xc0; 2]);
            assert!(compare(&mut decoder, &trailing), "{record:?}");
        }
    }
}

#[test]
fn records_with_up_to_16_pairs_are_taken() {
    let mut decoder = RecordDecoder::new();
    let names: Vec<_> = (0..18).map(|n| format!("key {n}")).collect();
    for count in (1..18).chain((1..18).rev()) {
        let mut record = record_of("hello");
        let pairs = names.iter().zip(0_u64..).take(count);
        record.key_values = pairs.map(|(name, n)| (name.as_str(), n)).collect();
        assert_eq!(
            compare(&mut decoder, &payload(&record)),
            count <= 16,
            "{count}"
        );
        record.context = std::mem::take(&mut record.key_values);
        assert_eq!(
            compare(&mut decoder, &payload(&record)),
            count <= 16,
            "{count}"
        );
    }
}

/// A handler encodes all fields up to the instance.
#[test]
fn records_with_few_spans_are_taken_and_shown_as_others_are() {
    let mut decoder = RecordDecoder::new();
    let mut record = record_of("hello");
    record.instance = Some(0x1234_5678);
    record.key_values = [("job", 7)].into_iter().collect();
    for (id, query) in [(1, "a"), (1, "a"), (2, "b"), (1, "a"), (2, "c")] {
        record.spans = Spans::new();
        let fields: KeyValues<'_> = [("id", id)].into_iter().collect();
        record.spans.push("request", &fields);
        record
            .spans
            .push("query", &[("text", query)].into_iter().collect());
        record.spans.push("empty", &KeyValues::new());
        assert!(compare(&mut decoder, &payload(&record)), "{record:?}");
    }
}

#[test]
fn records_with_other_spans_are_left_to_the_general_decoder() {
    let many: KeyValues<'_> = (0..8).map(|n| (n.to_string(), n)).collect();
    let list: List<'_> = [1, 2].into_iter().collect();
    let lists: KeyValues<'_> = [("list", list)].into_iter().collect();
    let controls: KeyValues<'_> = [("text", "\u{1b}")].into_iter().collect();
    let is_taken = |push: &dyn Fn(&mut Spans<'_>)| {
        let mut record = record_of("hello");
        record.instance = Some(0x1234_5678);
        push(&mut record.spans);
        compare(&mut RecordDecoder::new(), &payload(&record))
    };
    assert!(
        is_taken(&|spans| (0..5).for_each(|_| spans.push("s", &many))),
        "45 spans and fields"
    );
    assert!(
        !is_taken(&|spans| (0..6).for_each(|_| spans.push("s", &many))),
        "54"
    );
    assert!(!is_taken(&|spans| spans.push("s", &lists)));
    assert!(!is_taken(&|spans| spans.push("s", &controls)));
    assert!(!is_taken(&|spans| spans.push("s\n", &KeyValues::new())));
    assert!(!is_taken(
        &|spans| spans.push(&"s".repeat(600), &KeyValues::new())
    ));
}
