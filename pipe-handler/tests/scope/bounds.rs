//! The bound on the memory of all scopes together, in a process of its own: the scopes of other tests would give way too.

#[expect(dead_code, reason = "the other tests of scopes use the rest")]
mod support;

use log::Level::{Debug, Error, Info};
use pipe_handler::{HoldBack, scope};

use support::Piped;

const TOTAL: usize = 4 << 20;

#[test]
fn all_scopes_together_keep_to_their_bound_and_the_oldest_gives_way() {
    const SCOPES: usize = 20_000;
    let piped = Piped::new();
    let settings = HoldBack::below(Info).total(TOTAL);
    let scopes: Vec<_> = (0..SCOPES)
        .map(|n| scope!(n = n as u64).hold_back(settings))
        .collect();
    for scope in &scopes {
        scope.in_scope(|| piped.log(Debug, "kept"));
    }
    for scope in &scopes {
        scope.in_scope(|| piped.log(Error, "failed"));
    }
    drop(scopes);
    let arrived = piped.finish();
    let kept: Vec<_> = arrived
        .records
        .iter()
        .filter(|record| record.batch.is_some())
        .collect();
    let (count, held_back) = (kept.len(), arrived.held_back());
    assert_eq!(count as u64 + held_back, SCOPES as u64);
    assert!((1_000..=TOTAL / 1_536).contains(&count), "{count}");
    // Those that gave way were the oldest.
    let first = kept[0].key_values.get("n").expect("a number").to_string();
    assert_eq!(first, (SCOPES - count).to_string());
}
