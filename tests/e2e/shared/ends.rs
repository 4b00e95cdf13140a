//! Processes that go on logging when their stream ends.

use crate::campaign::seeded_campaign;

/// They close their descriptors, hold the pipe for longer than the grace period, or outlive the child.
#[test]
fn a_record_acknowledged_before_the_end_of_the_stream_arrives_and_later_ones_are_refused() {
    seeded_campaign("ends --count 60");
}
