//! The writer and the reader of a shared buffer in `tests/python`, which were written from PROTOCOL.md alone.

use pipe_subscriber::{StreamEnd, Summary};

use crate::{
    examples::{example, parsed, path},
    support::{Scenario, number, program, within},
};

/// The records that the writer logs: some 8 MB, so that it begins each ring again several times.
const RECORDS: u64 = 20_000;

fn python(script: &str) -> Scenario {
    with_python(program(python_path()), script)
}

fn python_path() -> String {
    std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn with_python(scenario: Scenario, script: &str) -> Scenario {
    let script = format!("{}/python/{script}", env!("CARGO_MANIFEST_DIR"));
    scenario.arg(script).env("PYTHONDONTWRITEBYTECODE", "1")
}

/// Returns the bytes of the message of record `n`.
fn message_bytes(n: u64) -> u64 {
    if n % 1000 == 999 {
        100_000
    } else {
        n * 7 % 600
    }
}

/// Runs the writer under `run_child` with these options, and checks its records. `way` is what it writes to.
#[track_caller]
fn assert_records_arrive(options: &[&str], way: &str) {
    let start = options.iter().fold(example("run_child"), Scenario::arg);
    let start = start
        .arg("--format")
        .arg("json")
        .arg("--")
        .arg(python_path());
    let (status, said, errors) = with_python(start, "writer.py").arg(RECORDS).run_alone();
    assert!(status.success(), "{status}: {errors}");

    let (records, summary) = parsed(&said);
    assert_eq!(
        (&summary["received"], &summary["end"]),
        (&RECORDS.into(), &"clean".into()),
        "{summary}"
    );
    for (n, record) in (0..).zip(records) {
        let text = record["message"].as_str().expect("a message");
        assert_eq!(text.len() as u64, message_bytes(n), "{record}");
        assert!(text.bytes().all(|byte| byte == b'x'), "{record}");
        let half = serde_json::json!({"n": n, "half": n as f64 / 2.0, "way": way});
        assert_eq!((&record["seq"], &record["kv"]), (&(n + 1).into(), &half));
    }
}

#[test]
#[ignore = "needs Python with the msgpack package"]
fn a_python_writer_logs_through_a_buffer() {
    assert_records_arrive(&["--buffer", "1048576"], "RingWriter");
}

#[test]
#[ignore = "needs Python with the msgpack package"]
fn a_python_writer_without_a_buffer_logs_through_the_pipe() {
    assert_records_arrive(&["--buffer", "0"], "PipeWriter");
}

#[test]
#[ignore = "needs Python with the msgpack package"]
fn a_python_writer_whose_ring_is_full_waits_for_the_reader() {
    let outcome = within(async {
        let writer = python("writer.py").arg(RECORDS);
        let mut running = writer.start_as(|spawn| spawn.filter("trace").buffer(1 << 20));
        assert_eq!(running.talk.line().await, "full");
        running.finish().await
    });
    assert!(outcome.status.success(), "{}", outcome.status);
    let Summary {
        received, missing, ..
    } = outcome.summary;
    assert_eq!(
        (received, missing, outcome.summary.end),
        (RECORDS, 0, StreamEnd::Clean)
    );
    let ns = outcome.records.iter().map(|record| number(record, "n"));
    assert!(ns.eq(0..RECORDS), "in order");
}

#[test]
#[ignore = "needs Python with the msgpack package"]
fn a_python_reader_reads_the_rings_of_the_handler() {
    let reader = python("reader.py").arg(4).arg(10_000).arg(path("emit"));
    let options = "--delivery shared --records 10000 --threads 4";
    let reader = options.split_whitespace().fold(reader, Scenario::arg);
    let (status, said, errors) = reader.run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert!(said.starts_with("40000 records in "), "{said}");
    // Otherwise the handler has refused the buffer.
    assert!(!said.contains(" in 0 bytes"), "{said}");
}
