//! Records on a terminal: aligned, folded, and without what repeats.

use log::Level;

use super::stored::{MILLISECOND, START, Stored, on_terminal, record, rich};

#[test]
fn on_a_terminal_records_are_aligned_and_details_have_lines_of_their_own() {
    let stored = Stored::of(&rich());
    let said = on_terminal(80, stored.cat("--color never --label w1"));
    let expected = r#"--- 2026-11-28, UTC+00:00, worker[17]
05:31:45.001 INFO  w1 worker: ready port=8080
05:31:45.002 WARN  w1 pool-1 worker::db: request{id=7}:query: slow query ms=1200
                     sql="select *"
05:31:45.003 ERROR w1        worker: cannot load err="no settings"
                   caused by: cannot open /etc/x
                   caused by: permission denied
05:31:45.004 DEBUG w1        worker: two
                   lines\u{1b}[2J
05:31:45.005 ERROR w1        panic: oh no job=3
       0: worker::main
                 at src/main.rs:7
"#;
    assert_eq!(said, expected);
}

#[test]
fn on_a_terminal_long_values_are_folded_at_its_width() {
    let mut long = record(1, Level::Info, "worker", "hashed");
    long.key_values.push("hash", "0123456789abcdef".repeat(8));
    long.key_values.push("wide", "語".repeat(40));
    let stored = Stored::of(&[long]);
    for columns in [60, 80, 100] {
        let said = on_terminal(columns, stored.cat("--color never"));
        let width = |line: &str| -> usize {
            let widths = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 });
            widths.sum()
        };
        let widest = said.lines().map(width).max().expect("lines");
        let columns = usize::from(columns);
        assert!((columns - 1..=columns).contains(&widest), "{said}");
        let text: String = said.split_whitespace().collect();
        assert!(text.contains(&"0123456789abcdef".repeat(8)), "{said}");
        assert!(text.contains(&"語".repeat(40)), "{said}");
        // The same in a pipe is one line.
        assert_eq!(stored.print("").lines().count(), 1);
    }
}

#[test]
fn on_a_terminal_a_new_day_and_another_process_are_said() {
    const DAY: u64 = 24 * 3600 * 1000 * MILLISECOND;
    let first = record(1, Level::Info, "worker", "before midnight");
    let mut second = record(2, Level::Info, "worker", "on the next day");
    second.time = START + DAY;
    let mut other = record(1, Level::Info, "helper", "hello");
    (other.pid, other.process, other.time) = (Some(18), Some("helper".into()), START + DAY);
    let stored = Stored::of(&[first, second, other]);
    let said = on_terminal(80, stored.cat("--color never --time utc"));
    let expected = "--- 2026-11-28 UTC, worker[17]
05:31:45.001 INFO  worker: before midnight
--- 2026-11-29 UTC
05:31:45.000 INFO  worker: on the next day
05:31:45.000 INFO  helper[18] helper: hello
";
    assert_eq!(said, expected);
    let said = on_terminal(80, stored.cat("--color never --time relative"));
    let expected = "--- since 2026-11-28 05:31:45.001, worker[17]
   +0.000000 INFO  worker: before midnight
+86399.999000 INFO  worker: on the next day
+86399.999000 INFO  helper[18] helper: hello
";
    assert_eq!(said, expected);
}
