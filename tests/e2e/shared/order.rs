//! Records of one buffer are dispatched in the order in which they were logged.

use crate::campaign::campaign;

#[test]
fn a_token_keeps_its_order_across_threads_processes_and_steps_of_the_clock() {
    campaign("order --turns 1000");
}
