//! The conformance kit finds nothing wrong with a client, in any of its scenarios.

use std::path::PathBuf;

use crate::{language::Language, support::program};

/// Records of each type and level; long records; several threads.
pub(crate) fn conformance(language: &Language) {
    for scenario in ["types", "nasty", "flood 4 500"] {
        assert_passes(language, scenario);
    }
}

pub(crate) fn conformance_of_forks(language: &Language) {
    assert_passes(language, "fork");
}

#[track_caller]
fn assert_passes(language: &Language, scenario: &str) {
    // The limit is for a program that hangs, not for a machine that is busy.
    let kit = ["--check", "--check-seconds", "60", "--"]
        .into_iter()
        .fold(program(run_child()), |kit, arg| kit.arg(arg));
    let child = language.command(scenario);
    let (status, report, errors) = child.iter().fold(kit, |kit, arg| kit.arg(arg)).run_alone();
    assert!(
        status.success(),
        "{scenario}: {status}: {report:.3000}{errors}"
    );
}

/// Returns the path of the example program, in target/<profile>/examples beside deps.
pub(crate) fn run_child() -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let profile = this.ancestors().nth(2).expect("target/<profile>/deps");
    let path = profile.join("examples/run_child");
    assert!(path.exists(), "`cargo build --examples` builds run_child");
    path
}
