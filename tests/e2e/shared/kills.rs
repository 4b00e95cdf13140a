//! Children that are killed at any moment lose no record whose log call has returned.

use crate::campaign::seeded_campaign;

/// A quarter of the parents is stopped until after the deaths.
#[test]
fn a_kill_at_any_moment_loses_tears_and_repeats_no_acknowledged_record() {
    seeded_campaign("kills --kills 60 --records 3000 --delivery shared --deaths sigkill");
}
