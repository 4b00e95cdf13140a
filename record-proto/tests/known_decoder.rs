//! Payloads of any contents, decoded by one decoder that knows the earlier ones.

mod common;

use common::inputs::known_decoder::{check, compare};
use common::{golden_names, golden_payload, payload, record_of};
use proptest::{collection::vec, prelude::*};
use record_proto::RecordDecoder;

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
