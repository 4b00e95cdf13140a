//! `run_child --check` itself: how it is started, and which writers it passes.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The writer that makes one fault.
pub(crate) const FAULTY_WRITER: &str = env!("CARGO_BIN_EXE_faulty-writer");

/// Runs `run_child` with these options, and the program after `--`.
pub(crate) fn run_child(options: &[&str], program: &[impl AsRef<OsStr>]) -> Output {
    let mut command = Command::new(example("run_child"));
    command.args(options).arg("--").args(program);
    command.output().expect("run_child is started")
}

/// Returns the path of a built example.
pub(crate) fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let profile = this
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps");
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo build -p examples --examples` builds it",
        path.display()
    );
    path
}

#[track_caller]
fn assert_passes(program: &[impl AsRef<OsStr>]) {
    let output = run_child(&["--check"], program);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{report}", output.status);
    assert!(report.ends_with("all 12 scenarios ok\n"), "{report}");
}

#[track_caller]
fn assert_emit_passes(options: &str) {
    let emit = example("emit").into_os_string();
    let options = options.split_whitespace().map(Into::into);
    let program: Vec<_> = [emit].into_iter().chain(options).collect();
    assert_passes(&program);
}

#[test]
fn the_handler_passes() {
    assert_emit_passes("--records 100 --threads 3 --kv 3");
}

#[test]
fn the_handler_passes_with_buffered_delivery() {
    assert_emit_passes("--records 100 --threads 3 --kv 3 --delivery buffered");
}

#[test]
fn the_handler_passes_with_long_records() {
    assert_emit_passes("--records 3 --threads 2 --message-bytes 100000");
}

#[test]
fn the_handler_passes_with_an_overflow_policy_that_drops() {
    assert_emit_passes("--records 2000 --threads 2 --overflow drop");
}

#[test]
fn a_writer_without_a_fault_passes() {
    assert_passes(&[FAULTY_WRITER, "none"]);
}

#[test]
fn a_program_that_does_not_log_has_not_adopted_the_pipe() {
    let output = run_child(&["--check=usual"], &["true"]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        report.contains("  offset 0: adopt: no frame came; "),
        "{report}"
    );
}

#[test]
fn a_program_that_cannot_be_started_is_a_failure_of_the_kit() {
    let output = run_child(&["--check"], &["/nonexistent"]);
    assert_eq!(output.status.code(), Some(125));
}
