//! Payloads of one stream, decoded with what is known from the earlier ones: the same records as without.

use fuzz::{driver, inputs::known_decoder};

fn main() {
    driver::fuzz(|bytes| {
        known_decoder::check(bytes);
    });
}
