//! The viewers of JSON logs that `examples/viewers` has settings for.

use std::{fs, path::PathBuf};

use super::stored::{Stored, rich};
use crate::support::{program, temporary};

/// Returns the path of a file with settings.
fn settings(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../examples/viewers")
        .join(name)
        .display()
        .to_string()
}

/// Stores what `record_cat` prints as JSON.
fn json_lines() -> Stored {
    let lines = Stored::of(&rich()).print("--format json --label w1");
    Stored::new(lines.as_bytes())
}

#[test]
#[ignore = "needs lnav"]
fn lnav_shows_records_and_answers_questions_about_them() {
    let (lines, home) = (json_lines(), temporary("home"));
    fs::create_dir_all(&home).expect("a folder");
    let lnav = || program("lnav").env("HOME", &home).env("TZ", "UTC0");
    let install = lnav().arg("-i").arg(settings("lnav.json"));
    let (status, _, errors) = install.run_alone();
    assert!(status.success(), "{status}: {errors}");

    let (status, shown, errors) = lnav().arg("-n").arg(lines.0.display()).run_alone();
    assert!(status.success(), "{status}: {errors}");
    for part in [
        "05:31:45.001 INFO  w1 worker[17] main worker: ready {\"port\":8080}\n",
        "05:31:45.002 WARN  w1 worker[17] pool-1 worker::db: slow query {\"ms\":1200,\"sql\":\"select *\"}\n",
        "spans: [{\"name\":\"request\",\"fields\":{\"id\":7}},{\"name\":\"query\"}]\n",
        "\"sources\":[\"cannot open /etc/x\",\"permission denied\"]",
        "error/backtrace:    0: worker::main\n",
        "panic: oh no {\"job\":3}\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let question = ";select log_level, log_time, pid, thread, target, log_body, label, \
                    json_extract(kv, '$.ms') as ms from record_json where ms > 1000";
    let ask = lnav()
        .arg("-n")
        .arg("-c")
        .arg(question)
        .arg("-c")
        .arg(":write-csv-to -");
    let (_, answer, errors) = ask.arg(lines.0.display()).run_alone();
    let expected = "warning,2026-11-28 05:31:45.002,17,pool-1,worker::db,slow query,w1,1200";
    assert_eq!(answer.lines().nth(1), Some(expected), "{answer}{errors}");
    let _gone = fs::remove_dir_all(&home);
}

#[test]
#[ignore = "needs pino-pretty, by its path in PINO_PRETTY"]
fn pino_pretty_shows_records() {
    let lines = json_lines();
    let pretty = program(std::env::var("PINO_PRETTY").expect("PINO_PRETTY")).env("TZ", "UTC0");
    let pretty = pretty.arg("--config").arg(settings(".pino-prettyrc"));
    let stdin = fs::File::open(&lines.0).expect("a file");
    let (status, shown, errors) = pretty.stdin(stdin).run_alone();
    assert!(status.success(), "{status}: {errors}");
    for part in [
        "[05:31:45.001] INFO: w1 worker: ready {\"thread\":\"main\",\"kv\":{\"port\":8080}}\n",
        "[05:31:45.002] WARN: w1 worker::db: slow query {",
        "\"spans\":[{\"name\":\"request\",\"fields\":{\"id\":7}},{\"name\":\"query\"}]",
        "[05:31:45.003] ERROR: w1 worker: cannot load {",
        "\"cannot open /etc/x\",",
        "[05:31:45.004] DEBUG: w1 worker: two\nlines",
        "{\"summary\":{\"received\":5,",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}
