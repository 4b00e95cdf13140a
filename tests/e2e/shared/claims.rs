//! Rings that their processes never give back cost no record, and rings that were given back are free again.

use crate::campaign::seeded_campaign;

#[test]
fn processes_that_die_with_their_rings_lose_nothing_and_those_that_end_free_them() {
    seeded_campaign("claims --claims 40 --per-stream 40 --short 60");
}
