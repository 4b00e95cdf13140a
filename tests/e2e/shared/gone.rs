//! Parents that die or drop their subscriber while a child logs.

use crate::campaign::seeded_campaign;

/// Four threads wait for room, or log now and then.
#[test]
fn every_thread_learns_that_its_parent_is_gone() {
    seeded_campaign("gone --count 2");
}
