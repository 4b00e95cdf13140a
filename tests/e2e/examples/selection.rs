//! `record_cat`'s options that select records, and its statistics.

use log::Level;

use super::stored::{START, Stored, record, rich};

/// Returns the numbers of the records that are shown.
fn shown(stored: &Stored, options: &[&str]) -> Vec<u64> {
    let cat = options
        .iter()
        .fold(stored.cat("--format json"), |cat, option| cat.arg(option));
    let (status, said, errors) = cat.env("TZ", "<+01>-1").run_alone();
    assert!(status.success(), "{status}: {errors}");
    let (records, _) = super::parsed(&said);
    records
        .iter()
        .map(|record| record["seq"].as_u64().expect("a number"))
        .collect()
}

#[test]
fn records_are_selected_by_level_target_time_and_text() {
    let stored = Stored::of(&rich());
    for (options, expected) in [
        (&["--level", "error"][..], &[3, 5][..]),
        (&["--level", "info"], &[1, 2, 3, 5]),
        (&["--target", "worker"], &[1, 2, 3, 4]),
        (&["--target", "worker::db"], &[2]),
        (&["--target", "work"], &[]),
        (&["--target", "panic", "--target", "worker::db"], &[2, 5]),
        (&["--grep", "^worker: ready"], &[1]),
        (&["--grep", "id=7"], &[2]),
        (&["--grep", "permission|8080"], &[1, 3]),
        (&["--since", "2026-11-28T05:31:45.003Z"], &[3, 4, 5]),
        (&["--since", "2026-11-28 06:31:45.004"], &[4, 5]),
        (&["--since", "2000-01-01"], &[1, 2, 3, 4, 5]),
        (
            &["--level", "warn", "--target", "worker", "--grep", "slow"],
            &[2],
        ),
    ] {
        assert_eq!(shown(&stored, options), expected, "{options:?}");
    }
}

#[test]
fn a_time_may_be_a_duration_ago() {
    let now = record_proto::now();
    let mut records = rich();
    records[0].time = now - 3600 * 1_000_000_000;
    records[1].time = now;
    let stored = Stored::of(&records[..2]);
    assert_eq!(shown(&stored, &["--since", "10m"]), [2]);
    assert_eq!(shown(&stored, &["--since", "2h"]), [1, 2]);
}

#[test]
fn a_wrong_selection_is_refused() {
    let stored = Stored::of(&[]);
    for (option, value) in [("--since", "soon"), ("--grep", "("), ("--level", "loud")] {
        let (status, _, errors) = stored.cat("").arg(option).arg(value).run_alone();
        assert_eq!(status.code(), Some(2), "{option}: {errors}");
        assert!(errors.contains(option), "{errors}");
    }
}

#[test]
fn statistics_count_by_level_target_and_process() {
    let mut records = rich();
    let mut other = record(1, Level::Info, "helper", "hello");
    (other.pid, other.process, other.time) = (Some(18), Some("helper".into()), START);
    records.push(other);
    let stored = Stored::of(&records);
    let expected = "\
6 records in 0.005 s
from 2026-11-28T05:31:45.000000000Z
to   2026-11-28T05:31:45.005000000Z

target      records  error  warn  info  debug  trace
worker            3      1     0     1      1      0
helper            1      0     0     1      0      0
panic             1      1     0     0      0      0
worker::db        1      0     1     0      0      0
all               6      2     1     2      1      0

process     records  error  warn  info  debug  trace
worker[17]        5      2     1     1      1      0
helper[18]        1      0     0     1      0      0
all               6      2     1     2      1      0
";
    assert_eq!(stored.print("--stats"), expected);
    let selected = stored.print("--stats --level error --target panic");
    assert!(selected.starts_with("1 record in 0.000 s\n"), "{selected}");
    assert_eq!(stored.print("--stats --grep nothing"), "no records\n");
}
