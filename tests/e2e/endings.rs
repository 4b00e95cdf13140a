//! However a process ends, the records of its log calls arrive, and the end has the right type.

use std::os::unix::process::ExitStatusExt;

use log::Level;
use pipe_subscriber::{LogRecord, StreamEnd};

use crate::support::{Outcome, has_buffer, number, piped, scenario, within};

/// Asserts that ten records of each of four threads arrived, and no others but the panics.
#[track_caller]
fn assert_all_forty(outcome: &Outcome) {
    let (panics, records): (Vec<_>, Vec<_>) = outcome
        .records
        .iter()
        .partition(|record| record.target == "panic");
    assert!(panics.len() <= 1, "{panics:?}");
    assert_eq!(records.len(), 40);
    for t in 0..4 {
        let own = records.iter().filter(|record| number(record, "t") == t);
        let numbers: Vec<u64> = own.map(|record| number(record, "n")).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>(), "thread {t}");
    }
}

/// Returns the only record of level error.
#[track_caller]
fn the_panic(outcome: &Outcome) -> &LogRecord<'static> {
    let is_error = |record: &&LogRecord<'_>| record.level == Level::Error;
    let errors: Vec<_> = outcome.records.iter().filter(is_error).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0]
}

#[test]
fn everything_arrives_from_a_process_that_returns_or_exits() {
    for (how, code) in [("return", 0), ("exit", 3), ("exit-in-thread", 3)] {
        let outcome = scenario("end").arg(how).run();
        assert_eq!(outcome.status.code(), Some(code), "{how}");
        assert_all_forty(&outcome);
        outcome.assert_nothing_lost(StreamEnd::Clean);
        assert!(outcome.summary.processes[0].closed);
    }
}

#[test]
fn everything_arrives_from_a_process_that_aborts_or_is_killed_without_a_close() {
    for (how, signal) in [("abort", 6), ("kill", 9)] {
        let outcome = scenario("end").arg(how).run();
        assert_eq!(outcome.status.signal(), Some(signal), "{how}");
        assert_all_forty(&outcome);
        outcome.assert_nothing_lost(StreamEnd::Eof);
        assert!(!outcome.summary.processes[0].closed);
    }
}

#[test]
fn a_panic_of_the_main_thread_is_one_error_and_the_previous_hook_is_called() {
    let (outcome, said) = run_and_hear("panic");
    assert_eq!(outcome.status.code(), Some(101));
    assert_all_forty(&outcome);
    outcome.assert_nothing_lost(StreamEnd::Clean);
    assert_eq!(said, "previous hook\n");

    let record = the_panic(&outcome);
    assert_eq!(record.message, "the main thread panics with 7");
    assert_eq!(record.thread.as_deref(), Some("main"));
    assert!(
        record
            .file
            .as_deref()
            .is_some_and(|file| file.ends_with("child/endings.rs"))
    );
    assert!(record.line.is_some());
    let error = record.error.as_ref().expect("an error");
    assert_eq!(error.message, "the main thread panics with 7");
    assert_eq!(
        error.key, None,
        "which tells it from an error among the key-values"
    );
    assert_eq!(error.backtrace, None, "nobody asked for one");
}

#[test]
fn a_panic_of_another_thread_is_one_error_with_its_name() {
    let (outcome, said) = run_and_hear("panic-in-thread");
    assert!(outcome.status.success());
    assert_all_forty(&outcome);
    outcome.assert_nothing_lost(StreamEnd::Clean);
    assert_eq!(said, "previous hook\n");
    let record = the_panic(&outcome);
    assert_eq!(record.message, "a thread panics");
    assert_eq!(record.thread.as_deref(), Some("unlucky"));
}

#[test]
fn a_panic_with_a_value_that_is_no_text_is_one_error() {
    let (outcome, said) = run_and_hear("panic-with-a-number");
    assert_eq!(outcome.status.code(), Some(101));
    outcome.assert_nothing_lost(StreamEnd::Clean);
    assert!(the_panic(&outcome).error.is_some());
    assert_eq!(said, "previous hook\n");
}

#[test]
fn a_panic_that_is_caught_is_one_error_and_the_process_goes_on() {
    let outcome = scenario("panic-caught").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["caught", "afterwards"]);
    assert_eq!(the_panic(&outcome).message, "caught");
}

#[test]
fn a_panic_has_its_backtrace_where_the_environment_asks_for_one() {
    let outcome = scenario("panic-caught").env("RUST_BACKTRACE", "1").run();
    outcome.assert_complete();
    let error = the_panic(&outcome).error.as_ref().expect("an error");
    let backtrace = error.backtrace.as_deref().expect("a backtrace");
    assert!(backtrace.contains("caught_panic"), "{backtrace}");
}

#[test]
fn a_close_among_the_records_of_other_threads_misses_nothing() {
    let outcome = scenario("close-while-logging").run();
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 8_000);
}

#[test]
fn a_process_that_ends_while_its_threads_log_is_clean_and_misses_nothing() {
    for how in ["return", "exit"] {
        assert_clean(how, &scenario("exit-while-logging").arg(how).run());
    }
}

/// Also with a shared buffer: at the exit the rings are given back, and all threads write to the pipe.
#[test]
fn a_process_that_ends_while_its_threads_log_loses_nothing_of_their_rings() {
    for how in ["return", "exit"] {
        let child = scenario("exit-while-logging").env("E2E_DELIVERY", "shared");
        assert_clean(how, &child.arg(how).run());
    }
}

/// Asserts a clean end, at most one log call in flight for each of four threads, and no gap before it.
fn assert_clean(how: &str, outcome: &Outcome) {
    let summary = &outcome.summary;
    assert!(outcome.status.success(), "{how}: {}", outcome.status);
    assert_eq!(summary.end, StreamEnd::Clean, "{how}: {summary}");
    assert!(summary.in_flight <= 4, "{how}: {summary}");
    assert_eq!(
        (summary.missing, summary.dropped, summary.malformed),
        (0, 0, 0),
        "{how}: {summary}"
    );
    for t in 0..4 {
        let own = outcome
            .records
            .iter()
            .filter(|record| number(record, "t") == t);
        for (record, n) in own.zip(0..) {
            assert_eq!(number(record, "n"), n, "{how}, thread {t}");
        }
    }
}

#[test]
fn a_process_that_ends_while_a_thread_says_hello_waits_for_it_and_closes() {
    let outcome = within(async {
        let mut running = piped("exit-while-saying-hello").start();
        assert_eq!(running.talk.line().await, "ends");
        running.finish().await
    });
    assert!(outcome.status.success(), "{}", outcome.status);
    assert_eq!(outcome.summary.end, StreamEnd::Clean, "{}", outcome.summary);
}

#[test]
fn a_child_goes_on_when_its_parent_no_longer_reads() {
    // Before and after the handler exists; with SIGPIPE ignored as in Rust, at its default, and set to the default
    // later.
    for how in [
        "plainly",
        "drop",
        "default-signal",
        "default-signal-drop",
        "later-default-signal",
        "later-default-signal-drop",
        "gone-before",
    ] {
        within(async {
            let mut running = scenario("orphan").arg(how).start();
            assert_eq!(running.talk.line().await, "ready", "{how}");
            drop(running.logs);
            running.talk.go().await;
            assert_eq!(running.talk.line().await, "still here", "{how}");
            let status = running.child.wait().await.expect("a status");
            assert!(status.success(), "{how}: {status}");
        });
    }
}

#[test]
fn a_child_that_waits_for_room_goes_on_when_its_parent_goes() {
    within(async {
        let mut running = scenario("stall").arg("block").arg(5_000).start();
        assert_eq!(running.talk.line().await, "full");
        drop(running.logs);
        assert_eq!(running.talk.line().await, "logged");
        let status = running.child.wait().await.expect("a status");
        assert!(status.success(), "{status}");
    });
}

async fn hear_everything(how: &str) -> (Outcome, String) {
    let mut outcome = scenario("end").arg(how).start().finish().await;
    let said = outcome.talk.rest().await;
    (outcome, said)
}

fn run_and_hear(how: &str) -> (Outcome, String) {
    within(hear_everything(how))
}

#[test]
fn free_functions_reach_the_logger_that_init_has_set() {
    let by_buffer = if has_buffer() { "Ok(())" } else { "Err(Pipe)" };
    for (delivery, read) in [("direct", "Err(Pipe)"), ("shared", by_buffer)] {
        within(async {
            let mut running = scenario("installed").env("E2E_DELIVERY", delivery).start();
            let (mut talk, logs) = (running.talk, running.logs);
            let reading = tokio::spawn(logs.run_with(|_| ()));
            for said in ["None None", "Err(Pipe)", "Some(2)", read, "Some(2)"] {
                assert_eq!(talk.line().await, said, "{delivery}");
            }
            talk.go().await;
            assert!(running.child.wait().await.expect("a status").success());
            let summary = reading.await.expect("no panic").expect("no read error");
            assert_eq!(
                summary.end,
                StreamEnd::Clean,
                "closed before _exit: {summary}"
            );
            assert_eq!(summary.received, 2);
        });
    }
}
