//! Records of batches as text: under the record that released them.

use log::Level;
use record_proto::{BatchInfo, BatchReason, LogRecord};

use super::{
    example, path,
    stored::{Stored, on_terminal, record, whole},
};

/// Returns a debug record of batch 1 of `worker[17]`.
fn held(reason: BatchReason, seq: u64, left: u64, message: &str) -> LogRecord<'static> {
    let mut record = record(seq, Level::Debug, "worker", message);
    record.batch = Some(BatchInfo::new(reason, 1, left));
    record
}

fn escalated(seq: u64, left: u64, message: &str) -> LogRecord<'static> {
    held(BatchReason::Escalation, seq, left, message)
}

/// Returns a record of another thread.
fn other(seq: u64, level: Level, message: &str) -> LogRecord<'static> {
    let mut record = record(seq, level, "worker", message);
    (record.thread, record.thread_id) = (Some("other".into()), Some(2));
    record
}

fn severe(seq: u64) -> LogRecord<'static> {
    record(seq, Level::Error, "worker", "failed")
}

/// Returns what stands before each record's time, its level and message, or another line.
fn told(said: &str) -> Vec<String> {
    let short = |line: &str| match line.split_once("2026-11-28T") {
        Some((start, record)) => {
            let words: Vec<_> = record.split_whitespace().collect();
            format!("{start}{} {}", words[1], words[5..].join(" "))
        }
        None => line.to_owned(),
    };
    said.lines().map(short).collect()
}

#[track_caller]
fn assert_prints(records: &[LogRecord<'_>], options: &str, expected: &[&str]) {
    assert_eq!(told(&Stored::of(records).print(options)), expected);
}

#[test]
fn a_batch_stands_under_the_record_that_released_it() {
    let mut elsewhere = record(3, Level::Warn, "worker", "another process");
    elsewhere.pid = Some(18);
    let mut lines = escalated(4, 0, "two\nlines");
    lines.key_values.push("rows", 21);
    let records = [
        record(1, Level::Info, "worker", "ready"),
        escalated(2, 1, "accepted"),
        elsewhere,
        other(3, Level::Info, "another thread"),
        lines,
        severe(5),
        record(6, Level::Info, "worker", "goes on"),
    ];
    let expected = "\
2026-11-28T05:31:45.001000000Z INFO  worker[17] main worker: ready
2026-11-28T05:31:45.003000000Z WARN  worker[18] main worker: another process
2026-11-28T05:31:45.003000000Z INFO  worker[17] other worker: another thread
2026-11-28T05:31:45.005000000Z ERROR worker[17] main worker: failed
| 2026-11-28T05:31:45.002000000Z DEBUG worker[17] main worker: accepted
| 2026-11-28T05:31:45.004000000Z DEBUG worker[17] main worker: two
|     lines rows=21
2026-11-28T05:31:45.006000000Z INFO  worker[17] main worker: goes on
";
    assert_eq!(Stored::of(&records).print(""), expected);
}

#[test]
fn on_a_terminal_a_batch_is_folded_within_its_bar() {
    let long = "a message that is too long by a few words";
    let stored = Stored::of(&[escalated(1, 0, long), severe(2)]);
    let expected = "\
--- 2026-11-28, UTC+00:00, worker[17]
05:31:45.002 ERROR worker: failed
| 05:31:45.001 DEBUG worker: a message
|                      that is too long
|                      by a few words
";
    assert_eq!(on_terminal(40, stored.cat("--color never")), expected);
}

#[test]
fn the_severe_record_is_the_one_with_the_next_number() {
    let held = [escalated(1, 1, "one"), escalated(3, 0, "two")];
    // Records of other threads come as late or as early as their buffers are written.
    let others = [
        other(2, Level::Error, "between their numbers"),
        other(5, Level::Error, "with a later number"),
        record(6, Level::Error, "worker", "of the same thread"),
    ];
    // Hold-back may begin below any level, and another thread may have logged the last of the batch.
    let next = other(4, Level::Debug, "next");
    let records: Vec<_> = held.into_iter().chain(others).chain([next]).collect();
    let expected = [
        "ERROR between their numbers",
        "ERROR with a later number",
        "ERROR of the same thread",
        "DEBUG next",
        "| DEBUG one",
        "| DEBUG two",
    ];
    assert_prints(&records, "", &expected);
}

#[test]
fn without_numbers_the_severe_record_is_the_next_that_is_severe_enough() {
    let records = [
        escalated(0, 1, "one"),
        other(0, Level::Error, "before the last one"),
        escalated(0, 0, "two"),
        other(0, Level::Debug, "not severe"),
        severe(0),
    ];
    let expected = [
        "ERROR before the last one",
        "DEBUG not severe",
        "ERROR failed",
        "| DEBUG one",
        "| DEBUG two",
    ];
    assert_prints(&records, "", &expected);
}

#[test]
fn a_torn_batch_says_how_many_records_have_not_arrived() {
    let missing = "| ... 1 record of the batch has not arrived";
    let [first, third] = [escalated(1, 2, "first"), escalated(3, 0, "third")];
    let torn = [first.clone(), third, severe(4)];
    assert_prints(
        &torn,
        "",
        &["ERROR failed", "| DEBUG first", "| DEBUG third", missing],
    );
    // The last ones were dropped, as their numbers say.
    let missing = "| ... 2 records of the batch have not arrived";
    let torn = [first.clone(), severe(4)];
    assert_prints(&torn, "", &["ERROR failed", "| DEBUG first", missing]);
    // A record of another thread can have that number too, and then it is not severe enough.
    let torn = [first.clone(), other(4, Level::Debug, "other")];
    let heading = "--- worker[17]: escalation 1, whose severe record has not arrived";
    assert_prints(
        &torn,
        "",
        &["DEBUG other", heading, "| DEBUG first", missing],
    );
    // The process was killed.
    let torn = [first, other(2, Level::Info, "killed")];
    assert_prints(
        &torn,
        "",
        &["INFO killed", heading, "| DEBUG first", missing],
    );
}

#[test]
fn a_group_stands_under_a_line_of_its_own() {
    let group = |seq, left, message| held(BatchReason::Group, seq, left, message);
    let records = [
        group(1, 1, "first"),
        record(2, Level::Error, "worker", "not of the group"),
        group(3, 0, "second"),
        record(4, Level::Error, "worker", "after it"),
        held(BatchReason::Other(9), 5, 1, "a later version"),
        record(7, Level::Error, "worker", "after the torn one"),
    ];
    let expected = [
        "ERROR not of the group",
        "--- worker[17]: group 1",
        "| DEBUG first",
        "| DEBUG second",
        "ERROR after it",
        "ERROR after the torn one",
        "--- worker[17]: reason 9 1",
        "| DEBUG a later version",
        "| ... 1 record of the batch has not arrived",
    ];
    assert_prints(&records, "", &expected);
}

#[test]
fn records_that_are_not_selected_are_in_their_batch_nevertheless() {
    let records = [escalated(1, 1, "one"), escalated(2, 0, "two"), severe(3)];
    assert_prints(&records, "--level error", &["ERROR failed"]);
    let heading = "--- worker[17]: escalation 1, whose severe record is not shown";
    assert_prints(&records, "--grep two", &[heading, "| DEBUG two"]);
    assert_prints(&records, "--grep nothing", &[]);
}

#[test]
fn more_than_the_bound_is_printed_as_it_is() {
    let long = "x".repeat(60_000);
    let mut records: Vec<_> = (1..=200)
        .map(|seq| escalated(seq, 200 - seq, &long))
        .collect();
    records.push(severe(201));
    let said = Stored::of(&records).print("");
    let starts: Vec<_> = said.lines().map(|line| &line[..5]).collect();
    let is = |start: &str| starts.iter().filter(|&&line| line == start).count();
    assert_eq!(
        (is("| 202"), is("--- w"), is("| ..."), is("2026-")),
        (200, 1, 1, 1)
    );
    assert_eq!(starts[0], "--- w");
}

#[test]
fn a_batch_without_its_severe_record_is_printed_after_many_others() {
    let mut records = vec![escalated(1, 0, "held")];
    records.extend((3..10_010).map(|seq| other(seq, Level::Info, "x")));
    let said = Stored::of(&records).print("");
    let place = said.lines().position(|line| line.starts_with("| "));
    assert_eq!(place, Some(10_002));
}

#[test]
fn json_stays_in_the_order_of_arrival() {
    let stored = Stored::new(&whole(&[escalated(1, 0, "held"), severe(2)], 2, 0));
    let said = stored.print("--format json");
    let messages: Vec<_> = said.lines().map(|line| line.contains("\"held\"")).collect();
    assert_eq!(messages, [true, false, false]);
}

#[test]
fn run_child_prints_the_batch_of_a_worker_under_its_error() {
    let run = example("run_child").arg("--filter").arg("debug").arg("--");
    let (status, said, errors) = run.arg(path("escalate")).arg("worker").run_alone();
    assert!(status.success(), "{status}: {errors}");
    let expected = [
        "row 20 has no owner request=7",
        "accepted request=7",
        "read the table rows=21 request=7",
        "checking the rows request=7",
        "9 of 10 requests served",
    ];
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (number, (line, expected)) in lines.iter().zip(expected).enumerate() {
        assert!(line.ends_with(expected), "{line}\n{expected}");
        assert_eq!(line.starts_with("| "), (1..=3).contains(&number), "{said}");
    }
}
