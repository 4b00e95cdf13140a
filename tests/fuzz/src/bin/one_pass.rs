//! Log calls with anything in them, encoded by one encoder: each frame is that of the same record, built by itself.

use fuzz::{driver, inputs::one_pass};

fn main() {
    driver::fuzz(|bytes| {
        one_pass::check(bytes);
    });
}
