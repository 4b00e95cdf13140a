//! Log calls of any contents, encoded in one pass by one encoder.

mod common;

use common::inputs::one_pass::check;
use proptest::{collection::vec, prelude::*};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_frame_is_that_of_the_same_record_encoded_by_itself(bytes in vec(any::<u8>(), 0..2000)) {
        check(&bytes);
    }

    #[test]
    fn so_are_those_of_few_and_simple_choices(bytes in vec(prop_oneof![0_u8..4, 0_u8..=255], 0..2000)) {
        check(&bytes);
    }
}
