//! `run_child --check` itself: how it is started, and which writers it passes.

use std::{
    ffi::{OsStr, OsString},
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
    assert_passes_with(&["--check"], program, 12);
}

#[track_caller]
fn assert_passes_with(options: &[&str], program: &[impl AsRef<OsStr>], scenarios: usize) {
    let output = run_child(options, program);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{report}", output.status);
    let end = format!("all {scenarios} scenarios ok\n");
    assert!(report.ends_with(&end), "{report}");
}

#[track_caller]
fn assert_emit_passes(options: &str) {
    assert_passes(&emit(options));
}

fn emit(options: &str) -> Vec<OsString> {
    let emit = example("emit").into_os_string();
    let options = options.split_whitespace().map(Into::into);
    [emit].into_iter().chain(options).collect()
}

#[test]
fn the_handler_passes() {
    assert_emit_passes("--records 100 --threads 3 --kv 3");
}

#[test]
fn the_handler_passes_with_direct_delivery() {
    assert_emit_passes("--records 100 --threads 3 --kv 3 --delivery direct");
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
fn a_writer_without_a_fault_passes_with_a_shared_buffer() {
    let options = ["--check", "--buffer", "32768"];
    assert_passes_with(&options, &[FAULTY_WRITER, "none"], 13);
}

/// With one ring, with enough for all threads, and with rings that are full again and again.
#[test]
fn the_handler_passes_with_a_shared_buffer() {
    for (buffer, options) in [
        ("32768", "--records 300 --threads 3"),
        ("1048576", "--records 100 --threads 3 --kv 3"),
        ("1048576", "--records 3 --threads 2 --message-bytes 100000"),
        ("65536", "--records 2000 --threads 2 --overflow drop"),
    ] {
        let program = emit(&format!("{options} --delivery shared"));
        assert_passes_with(&["--check", "--buffer", buffer], &program, 13);
    }
}

#[test]
#[ignore = "needs Python with the msgpack package"]
fn the_writer_in_python_passes_with_a_shared_buffer() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let writer = concat!(env!("CARGO_MANIFEST_DIR"), "/python/writer.py");
    let check = "--check=usual,launcher,full,no-reader,reader-gone,unsealed,kill";
    assert_passes_with(
        &[check, "--buffer", "1048576"],
        &[&python, writer, "3000"],
        7,
    );
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
