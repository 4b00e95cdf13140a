//! Short forms of the long runs. See README.md.

use std::process::Command;

/// Runs the campaign with the seed of the tests, if they have one.
pub(crate) fn seeded_campaign(args: &str) {
    match std::env::var("E2E_SEED") {
        Ok(seed) => campaign(&format!("{args} --seed {seed}")),
        Err(_) => campaign(args),
    }
}

pub(crate) fn campaign(args: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campaign"));
    let output = command.args(args.split(' ')).output().expect("a program");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn processes_that_die_in_every_way_lose_nothing_direct_and_tear_nothing_at_all() {
    seeded_campaign("kills --kills 150 --records 4000");
}

#[test]
fn a_parent_does_not_grow_while_children_come_and_go() {
    seeded_campaign("soak --seconds 6 --load 0.5");
}
