//! `run_child` with `emit` and other programs.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::{example, figures, parsed, run_emit};
use crate::support::{Scenario, temporary};

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
    // The sleeper has none of the streams that this test reads to the end.
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
