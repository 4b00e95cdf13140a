//! The records that did not arrive: of which process, how many, and when.

use log::Level;
use record_proto::LogRecord;

use super::{
    run_emit,
    stored::{Stored, record, whole},
};

/// Returns the lines on standard error for the records with these numbers.
fn errors(numbers: &[u64], sent: u64, dropped: u64) -> Vec<String> {
    let records: Vec<LogRecord<'_>> = numbers
        .iter()
        .map(|&seq| record(seq, Level::Info, "worker", "x"))
        .collect();
    let stored = Stored::new(&whole(&records, sent, dropped));
    let (_, _, errors) = stored.cat("").run_alone();
    errors.lines().map(str::to_owned).collect()
}

#[test]
fn a_gap_has_its_process_its_size_and_its_times() {
    let time = |millisecond: u64| format!("2026-11-28T05:31:45.{millisecond:03}000000Z");
    for (numbers, sent, dropped, gap) in [
        (
            &[1, 2, 5, 6][..],
            6,
            0,
            format!(
                "2 records did not arrive, between {} and {}",
                time(2),
                time(5)
            ),
        ),
        (
            &[1, 2, 5, 6],
            4,
            2,
            format!(
                "2 records did not arrive, between {} and {}",
                time(2),
                time(5)
            ),
        ),
        (
            &[2, 3],
            3,
            0,
            format!("1 record did not arrive, before {}", time(2)),
        ),
        (
            &[1, 2],
            12,
            0,
            format!("10 records did not arrive, after {}", time(2)),
        ),
        (
            &[3, 9, 20],
            21,
            0,
            format!(
                "18 records did not arrive, in 4 gaps, at any time; the largest has 10, between {} and {}",
                time(9),
                time(20)
            ),
        ),
        // The records of several threads, which arrive out of order.
        (
            &[2, 1, 4, 3, 7, 6, 9],
            9,
            0,
            format!(
                "2 records did not arrive, in 2 gaps, between {} and {}; the largest has 1, between {} and {}",
                time(4),
                time(9),
                time(7),
                time(9)
            ),
        ),
    ] {
        let errors = errors(numbers, sent, dropped);
        assert_eq!(errors[0], format!("gap: worker[17]: {gap}"), "{numbers:?}");
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[1].starts_with("summary: "), "{errors:?}");
    }
}

#[test]
fn records_that_are_not_shown_have_arrived() {
    let mut records: Vec<_> = [1, 2, 3, 4, 6]
        .into_iter()
        .map(|seq| record(seq, Level::Info, "worker", "x"))
        .collect();
    records[1].level = Level::Error;
    let stored = Stored::new(&whole(&records, 6, 0));
    let expected = "gap: worker[17]: 1 record did not arrive, \
                    between 2026-11-28T05:31:45.004000000Z and 2026-11-28T05:31:45.006000000Z\n\
                    summary: 1 missing, 5 records received\n";
    for options in ["--level error", "--grep nothing", "--stats", ""] {
        let (_, _, errors) = stored.cat(options).run_alone();
        assert_eq!(errors, expected, "{options}");
    }
}

#[test]
fn run_child_says_what_its_child_has_dropped() {
    // More than a pipe holds, from two threads that do not wait: some of it is dropped, unless the parent is very quick.
    let emit = "--records 20000 --threads 2 --overflow drop --message-bytes 3000";
    let (_, said, errors) = run_emit("--format text", emit).run_alone();
    let lost = said.lines().count() < 40_000;
    assert_eq!(errors.contains("gap: emit["), lost, "{errors}");
}

#[test]
fn in_colours_the_summary_shows_whether_records_were_lost() {
    let records = [record(1, Level::Info, "worker", "x")];
    for (sent, expected) in [
        (1, "\u{1b}[32msummary: 1 record received"),
        (2, "\u{1b}[33msummary: 1 missing, 1 record"),
    ] {
        let stored = Stored::new(&whole(&records, sent, 0));
        let (_, _, errors) = stored.cat("--color always").run_alone();
        assert!(errors.contains(expected), "{errors:?}");
    }
}
