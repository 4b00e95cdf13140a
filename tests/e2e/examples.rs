//! The example programs by their command lines, which other programs rely on.

mod batches;
mod escalate;
mod follow;
mod gaps;
mod index_files;
mod launchers;
mod logbook;
mod over_tcp;
mod parent_child;
mod record_cat;
mod run_child;
mod selection;
mod stored;
mod terminal;
mod text;
mod viewers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use serde_json::Value;

use crate::support::{Scenario, program, temporary};

pub(crate) fn path(name: &str) -> String {
    let this = std::env::current_exe().expect("a path");
    let profile = this
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps");
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo test --workspace` builds the examples, \
         `cargo build -p examples --examples` does too",
        path.display()
    );
    path.to_str().expect("a readable path").to_owned()
}

pub(crate) fn example(name: &str) -> Scenario {
    program(path(name)).ignoring_nothing()
}

/// Returns `run_child` with its options, then `emit` with its options; blanks separate options.
pub(crate) fn run_emit(own: &str, emit: &str) -> Scenario {
    let start = own
        .split_whitespace()
        .fold(example("run_child"), Scenario::arg);
    let with_emit = start.arg("--").arg(path("emit"));
    emit.split_whitespace().fold(with_emit, Scenario::arg)
}

/// Returns the records and the summary from JSON lines.
pub(crate) fn parsed(said: &str) -> (Vec<Value>, Value) {
    let parse = |line| serde_json::from_str::<Value>(line).expect("JSON");
    let mut lines: Vec<Value> = said.lines().map(parse).collect();
    let last = lines.pop().expect("a summary");
    (lines, last["summary"].clone())
}

fn figures(summary: &Value) -> [u64; 6] {
    [
        "received",
        "dropped",
        "missing",
        "malformed",
        "unknown",
        "incomplete",
    ]
    .map(|name| summary[name].as_u64().expect(name))
}

#[test]
fn every_example_has_a_help_with_an_example() {
    for name in [
        "parent_child",
        "index_files",
        "run_child",
        "emit",
        "record_cat",
        "bubblewrap",
        "zygote",
        "tracing_parent",
        "escalate",
        "any_language",
    ] {
        let (status, said, errors) = example(name).arg("--help").run_alone();
        assert!(status.success(), "{name}: {status}");
        assert!(said.contains("\nExample"), "{name}: {said}");
        assert_eq!(errors, "", "{name}");
    }
}

/// The examples that print, each with its arguments.
pub(crate) fn printing(folder: &Path, stored: &Path) -> Vec<(&'static str, Scenario)> {
    let cat = |format: &str| {
        let cat = example("record_cat").arg("--format").arg(format);
        cat.arg(stored.display())
    };
    vec![
        ("record_cat", cat("text")),
        ("record_cat", cat("json")),
        ("run_child", run_emit("--format text", "--records 5")),
        ("run_child", run_emit("--format json", "--records 5")),
        // The child's exit code must not hide the failure.
        (
            "run_child",
            run_emit("--format text", "--records 5 --end kill"),
        ),
        ("index_files", example("index_files").arg(folder.display())),
    ]
}

/// Makes a folder with a file, and a file of five stored records.
pub(crate) fn something_to_print() -> (PathBuf, PathBuf) {
    let (folder, stored) = (temporary("folder"), temporary("frames"));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("file"), "some words\n").expect("a file");
    let own = format!("--format none --tee {}", stored.display());
    let (status, ..) = run_emit(&own, "--records 5").run_alone();
    assert!(status.success(), "{status}");
    (folder, stored)
}

pub(crate) fn full() -> fs::File {
    let mut options = fs::OpenOptions::new();
    options.write(true).open("/dev/full").expect("/dev/full")
}

/// Asserts that one readable line reports the full disk.
#[track_caller]
fn assert_says_no_space(name: &str, status: ExitStatus, errors: &str) {
    let code = status.code().expect("an exit");
    assert!(code != 0 && code != 101, "{name}: {status}: {errors}");
    let said = errors
        .lines()
        .filter(|line| line.contains("No space left on device"));
    assert_eq!(said.count(), 1, "{name}: {errors}");
    assert!(
        !errors.contains("Os {") && !errors.contains("panicked"),
        "{name}: {errors}"
    );
}

#[test]
fn an_example_that_cannot_print_says_so_and_fails() {
    let (folder, stored) = something_to_print();
    for (name, scenario) in printing(&folder, &stored) {
        let (status, _, errors) = scenario.stdout(full()).run_alone();
        assert_says_no_space(name, status, &errors);
        let code = match name {
            "record_cat" => 2,
            "run_child" => 125,
            _ => 1,
        };
        assert_eq!(status.code(), Some(code), "{name}");
    }
    let _gone = (fs::remove_dir_all(&folder), fs::remove_file(&stored));
}

#[test]
fn an_example_that_cannot_store_says_so_and_fails() {
    let own = "--format none --tee /dev/full";
    let (status, _, errors) = run_emit(own, "--records 5").run_alone();
    assert_says_no_space("run_child --tee", status, &errors);
    assert_eq!(status.code(), Some(125));
    let (status, _, errors) = example("emit").arg("--ack").arg("/dev/full").run_alone();
    assert_says_no_space("emit --ack", status, &errors);
}

/// As if the user has quit a pager.
#[test]
fn an_example_whose_reader_is_gone_ends_quietly() {
    let (folder, stored) = something_to_print();
    for (name, scenario) in printing(&folder, &stored) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let (status, _, errors) = scenario.stdout(writer).run_alone();
        assert!(
            matches!(status.code(), Some(0 | 137)),
            "{name}: {status}: {errors}"
        );
        let complains = ["Broken pipe", "cannot", "panicked"].map(|word| errors.contains(word));
        assert_eq!(complains, [false; 3], "{name}: {errors}");
    }
    let _gone = (fs::remove_dir_all(&folder), fs::remove_file(&stored));
}
