//! The example programs by their command lines, which other programs rely on.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use rustix::process::{Pid, Signal, kill_process};
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

/// `run_child` with its own options in front of `emit` with its own, separated by blanks.
pub(crate) fn run_emit(own: &str, emit: &str) -> Scenario {
    let start = own
        .split_whitespace()
        .fold(example("run_child"), Scenario::arg);
    let with_emit = start.arg("--").arg(path("emit"));
    emit.split_whitespace().fold(with_emit, Scenario::arg)
}

/// The records and the summary of JSON lines.
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
fn run_child_prints_each_record_and_a_summary_as_json() {
    let scenario = run_emit(
        "--format json --label w1",
        "--records 20 --threads 3 --message-bytes 80 --kv 2",
    );
    let (status, said, _) = scenario.run_alone();
    assert!(status.success(), "{status}");
    let (records, summary) = parsed(&said);
    assert_eq!(figures(&summary), [60, 0, 0, 0, 0, 0]);
    assert_eq!(
        (&summary["end"], &summary["exit"]),
        (&"clean".into(), &0.into())
    );
    assert!(summary["dropped_by_level"].is_object(), "{summary}");

    let mut messages: Vec<&str> = records
        .iter()
        .filter_map(|r| r["message"].as_str())
        .collect();
    messages.sort_unstable();
    let mut expected: Vec<String> = (0..3)
        .flat_map(|t| (0..20).map(move |n| format!("{:x<80}", format!("t{t} n{n} "))))
        .collect();
    expected.sort_unstable();
    assert_eq!(messages, expected);
    for record in &records {
        assert_eq!(
            (&record["level"], &record["target"]),
            (&"INFO".into(), &"emit".into())
        );
        assert_eq!(
            (&record["process"], &record["label"]),
            (&"emit".into(), &"w1".into())
        );
        for number in ["pid", "tid", "line", "seq"] {
            assert!(record[number].is_u64(), "{number}: {record}");
        }
        for text in ["thread", "module_path", "file"] {
            assert!(record[text].is_string(), "{text}: {record}");
        }
        let time = record["time"].as_str().expect("a time");
        assert!(
            time.ends_with('Z') && time.len() == 30,
            "nanoseconds: {time}"
        );
        assert_eq!(record["kv"].as_object().map(|kv| kv.len()), Some(2));
        for nil in ["context", "error", "original_length"] {
            assert!(record.get(nil).is_none(), "absent where nil: {record}");
        }
    }
}

#[test]
fn run_child_tells_every_end_and_ends_with_the_childs_code() {
    for (how, code, received, end) in [
        ("return", 0, 50, "clean"),
        ("exit", 0, 50, "clean"),
        ("panic", 101, 51, "clean"),
        ("abort", 128 + 6, 50, "eof"),
        ("kill", 128 + 9, 50, "eof"),
    ] {
        let acks = temporary("acks");
        let emit = format!(
            "--records 25 --threads 2 --end {how} --ack {}",
            acks.display()
        );
        let (status, said, _) = run_emit("--format json", &emit).run_alone();
        let (_, summary) = parsed(&said);
        assert_eq!(
            figures(&summary),
            [received, 0, 0, 0, 0, 0],
            "{how}: {summary}"
        );
        assert_eq!(summary["end"], end, "{how}");
        assert_eq!(status.code(), Some(code), "{how}");
        assert_eq!(summary["exit"], code, "{how}");
        let acknowledged = fs::read(&acks).expect("a file of counters");
        let _gone = fs::remove_file(&acks);
        assert_eq!(
            acknowledged,
            [25_u64.to_le_bytes(), 25_u64.to_le_bytes()].concat(),
            "{how}"
        );
    }
}

#[test]
fn run_child_passes_its_options_on() {
    let (_, said, _) = run_emit("--format json --via stdin", "--records 5").run_alone();
    let (_, summary) = parsed(&said);
    assert_eq!(
        (figures(&summary)[0], &summary["end"]),
        (5, &"clean".into())
    );

    let (_, said, _) = run_emit("--format json --filter warn", "--records 5").run_alone();
    let (_, summary) = parsed(&said);
    assert_eq!(
        (figures(&summary)[0], &summary["end"]),
        (0, &"clean".into())
    );

    for format in ["text", "none"] {
        let (status, said, errors) =
            run_emit(&format!("--format {format}"), "--records 5").run_alone();
        assert!(status.success(), "{status}");
        assert_eq!(said.contains("n4"), format == "text", "{said}");
        let last = errors.lines().last().expect("a line");
        assert_eq!(last, "summary: all 5 records received, exit 0");
    }
}

#[test]
fn run_child_gives_up_where_another_process_holds_the_pipe() {
    // The sleeper has none of the streams that this test reads to their ends.
    let script = "sleep 1000 >/dev/null 2>&1 & echo $! >&2; exit 7";
    let options = [
        "--format",
        "json",
        "--grace-ms",
        "20",
        "--",
        "sh",
        "-c",
        script,
    ];
    let scenario = options
        .into_iter()
        .fold(example("run_child"), Scenario::arg);
    let (_, said, errors) = scenario.run_alone();
    let sleeper = errors
        .lines()
        .next()
        .and_then(|pid| Pid::from_raw(pid.parse().ok()?));
    kill_process(sleeper.expect("a pid"), Signal::KILL).expect("a sleeper that is still there");
    let (_, summary) = parsed(&said);
    assert_eq!(
        (&summary["end"], &summary["exit"]),
        (&"held-open".into(), &7.into())
    );
}

#[test]
fn run_child_needs_no_dashes_before_a_program() {
    let script = r#"echo "$@""#;
    for dashes in [&["--"][..], &[]] {
        let start = dashes.iter().fold(example("run_child"), Scenario::arg);
        let arguments = ["sh", "-c", script, "sh", "--label", "x", "--", "y"];
        let (status, said, _) = arguments.into_iter().fold(start, Scenario::arg).run_alone();
        assert!(status.success(), "{status}");
        assert_eq!(said, "--label x -- y\n", "after {dashes:?}");
    }
}

#[test]
fn every_example_has_a_help_with_an_example() {
    for name in [
        "parent_child",
        "index_files",
        "run_child",
        "emit",
        "record_cat",
    ] {
        let (status, said, errors) = example(name).arg("--help").run_alone();
        assert!(status.success(), "{name}: {status}");
        assert!(said.contains("\nExample: "), "{name}: {said}");
        assert_eq!(errors, "", "{name}");
    }
}

#[test]
fn run_child_says_that_a_program_does_not_exist() {
    let scenario = example("run_child")
        .arg("--")
        .arg("/nonexistent/program")
        .arg("x");
    let (status, said, errors) = scenario.run_alone();
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert_eq!(said, "");
    assert!(errors.contains("/nonexistent/program"), "{errors}");
}

#[test]
fn record_cat_prints_what_run_child_stored_as_run_child_printed_it() {
    for format in ["text", "json"] {
        let stored = temporary("frames");
        let own = format!("--format {format} --tee {}", stored.display());
        let emit = "--records 10 --threads 2 --message-bytes 6000 --kv 3 --end panic";
        let (_, printed, _) = run_emit(&own, emit).run_alone();
        let cat = || example("record_cat").arg("--format").arg(format);
        let (status, again, _) = cat().arg(stored.display()).run_alone();
        assert!(status.success(), "{status}");
        let frames = fs::File::open(&stored).expect("stored frames");
        let (status, piped, _) = cat().stdin(frames).run_alone();
        assert!(status.success(), "{status}");
        let _gone = fs::remove_file(&stored);

        assert_eq!(again, piped, "{format}");
        match format {
            "text" => assert_eq!(again, printed),
            _ => {
                let ((first, first_end), (second, second_end)) = (parsed(&printed), parsed(&again));
                assert_eq!(first, second);
                assert_eq!(first.len(), 21);
                assert_eq!(figures(&first_end), figures(&second_end));
                assert_eq!(first_end["end"], second_end["end"]);
            }
        }
    }
}

#[test]
fn record_cat_prints_every_kind_of_value_as_json() {
    use record_proto::{Encode, ErrorInfo, LogRecord};

    let mut record = LogRecord::new(log::Level::Error, "raw", "line\n\u{1b}[2J");
    record.time = 1_700_000_000_000_000_001;
    record.key_values.push("bytes", &[1_u8, 2, 255][..]);
    record.key_values.push("nan", f64::NAN);
    record.key_values.push("inf", f64::NEG_INFINITY);
    record.key_values.push("big", u64::MAX);
    record.context.push("job", 5);
    let mut error = ErrorInfo::new("oops");
    error.sources = ["why"].into_iter().collect();
    error.key = Some("err".into());
    record.error = Some(error);
    record.original_length = Some(99);
    let mut stream = Vec::new();
    record.encode_frame(&mut stream);
    stream.extend([0, 0, 0, 9, 1]);
    let stored = temporary("frames");
    fs::write(&stored, &stream).expect("a file");
    let cat = example("record_cat")
        .arg("--format")
        .arg("json")
        .arg(stored.display());
    let (_, said, _) = cat.run_alone();
    let _gone = fs::remove_file(&stored);

    let (records, summary) = parsed(&said);
    assert_eq!(
        (figures(&summary)[0], &summary["end"]),
        (1, &"truncated".into())
    );
    let expected = serde_json::json!({
        "time": "2023-11-14T22:13:20.000000001Z", "level": "ERROR", "target": "raw",
        "message": "line\n\u{1b}[2J",
        "kv": {"bytes": "AQL/", "nan": "NaN", "inf": "-inf", "big": u64::MAX},
        "context": {"job": 5},
        "error": {"message": "oops", "sources": ["why"], "key": "err"},
        "original_length": 99,
    });
    let mut record = records[0].clone();
    // Nobody counted: the contract leaves open how that prints.
    record.as_object_mut().expect("an object").remove("seq");
    assert_eq!(record, expected);
    assert!(!said.contains('\u{1b}'), "JSON escapes it");
}

#[test]
fn record_cat_fails_where_something_is_no_record() {
    let noise = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    let small = [[0, 0, 0, 2].as_slice(), b"no"].concat();
    for (bytes, what) in [
        (vec![0; 1000], "zeros"),
        (noise.collect(), "noise"),
        (small, "text"),
    ] {
        let stored = temporary("frames");
        fs::write(&stored, bytes).expect("a file");
        let (status, ..) = example("record_cat").arg(stored.display()).run_alone();
        let _gone = fs::remove_file(&stored);
        assert_eq!(status.code(), Some(1), "{what}");
    }
}

/// All that print, and what each is to print.
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
        // The child's own code is no better.
        (
            "run_child",
            run_emit("--format text", "--records 5 --end kill"),
        ),
        ("index_files", example("index_files").arg(folder.display())),
    ]
}

/// A folder with a file, and five stored records.
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

/// One line says it, as people say it.
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

/// As with a pager that was left.
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

/// It prints nothing but what goes through its logger.
#[test]
fn the_first_example_needs_no_stdout() {
    let (status, _, errors) = example("parent_child").stdout(full()).run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert!(errors.contains("1 record received"), "{errors}");
}

#[test]
fn the_first_example_says_hello_from_both_sides_and_which_is_which() {
    let (status, said, errors) = example("parent_child").run_alone();
    assert!(status.success(), "{status}");
    let all = format!("{said}{errors}");
    for line in [
        " parent_child] hello from parent process",
        " w1/parent_child] hello from child process user=7",
    ] {
        assert_eq!(all.matches(line).count(), 1, "{all}");
    }
}

#[test]
fn the_indexing_example_gets_one_record_for_each_file() {
    let folder = temporary("folder");
    fs::create_dir_all(folder.join("below")).expect("a folder");
    for n in 0..30 {
        fs::write(folder.join(format!("below/{n}")), format!("{n} words\n")).expect("a file");
    }
    let index = example("index_files")
        .arg("--workers")
        .arg(3)
        .arg(folder.display());
    let (status, said, errors) = index.run_alone();
    let _gone = fs::remove_dir_all(&folder);
    assert!(status.success(), "{status}: {errors}");
    assert!(
        said.contains("30") || errors.contains("30"),
        "{said}{errors}"
    );
}

#[test]
fn the_indexing_example_writes_numbers_and_names_as_people_do() {
    let folder = temporary("folder");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("file"), "x".repeat(1_234_567)).expect("a file");
    let missing = folder.join("missing");
    let index = example("index_files")
        .arg(folder.display())
        .arg(missing.display());
    let (status, said, errors) = index.run_alone();
    let _gone = fs::remove_dir_all(&folder);
    assert_eq!(status.code(), Some(1), "{errors}");
    for part in [
        " 1,234,567 ",
        "found 1 file, 1 directory; could not look into 1\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let expected = format!(
        "index_files: cannot read {}: No such file or directory (os error 2)\n",
        missing.display()
    );
    assert_eq!(errors, expected);
}
