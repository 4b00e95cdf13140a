//! What only the client in Python has: `multiprocessing`, `subprocess`, signals of Python, exceptions that nobody
//! catches. The children are in `of_python.py`.

use std::collections::HashMap;

use pipe_subscriber::{LogRecord, StreamEnd};
use record_proto::BatchReason;
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    language::python,
    support::{Outcome, Scenario, number, program, within},
};

fn child(scenario: &str) -> Scenario {
    let command = python().command("");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/of_python.py");
    scenario
        .split_whitespace()
        .fold(program(&command[0]).arg(file), Scenario::arg)
}

#[track_caller]
fn complete(scenario: &str) -> Outcome {
    let outcome = child(scenario).run();
    let errors = outcome.errors.text();
    assert!(outcome.status.success(), "{}: {errors}", outcome.status);
    outcome.assert_complete();
    assert_eq!(errors, "");
    outcome
}

/// Forked processes log by themselves, others if they are given the handler. Each has an account, which it closes.
#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn processes_of_multiprocessing_log_into_the_same_pipe() {
    for (method, given, logs) in [
        ("fork", "given", true),
        ("spawn", "given", true),
        ("forkserver", "given", true),
        ("fork", "alone", true),
        ("spawn", "alone", false),
        ("forkserver", "alone", false),
    ] {
        let outcome = complete(&format!("processes {method} {given}"));
        let expected: &[&str] = match logs {
            true => &["before", method, "after"],
            false => &["before", "after"],
        };
        assert_eq!(outcome.messages(), expected, "{method} {given}");
        let closed = outcome.summary.processes.iter().filter(|p| p.closed);
        assert_eq!(closed.count(), expected.len() - 1, "{method} {given}");
    }
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn workers_of_a_pool_log_into_the_same_pipe() {
    for method in ["fork", "spawn", "forkserver"] {
        let outcome = complete(&format!("pool {method}"));
        let jobs = outcome.messages().into_iter();
        let jobs = jobs.filter(|message| message.starts_with("job "));
        assert_eq!(jobs.count(), 20, "{method}");
    }
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_subprocess_logs_into_the_pipe_only_if_it_is_shared() {
    let outcome = complete("subprocesses shared");
    assert_eq!(outcome.messages(), ["before", "worker", "after"]);
    let outcome = child("subprocesses alone").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["before", "after"]);
    assert!(outcome.errors.text().contains("worker"), "on its stderr");
}

/// No lock is held in a forked process, and its records are counted apart.
#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn forks_among_threads_that_log_lose_nothing() {
    let outcome = complete("forks_among_threads 30 20");
    let mut of = HashMap::new();
    for record in &outcome.records {
        *of.entry((record.pid, record.instance)).or_insert(0) += 1;
    }
    assert_eq!(of.len(), 31);
    assert_eq!(of.values().filter(|&&records| records == 20).count(), 30);
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_forked_process_that_logs_nothing_leaves_no_account() {
    let outcome = complete("silent_fork");
    assert_eq!(outcome.summary.processes.len(), 1);
}

/// Python ignores SIGPIPE, but a program may change that.
#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn no_sigpipe_reaches_the_program_whatever_it_does_with_it() {
    for disposition in ["default", "handler"] {
        within(async {
            let mut running = child(&format!("sigpipe {disposition}")).start();
            assert_eq!(running.talk.line().await, "ready");
            drop(running.logs);
            running.talk.go().await;
            assert_eq!(running.talk.line().await, "done", "{disposition}");
            let status = running.child.wait().await.expect("a status");
            assert!(status.success(), "{status}");
            assert_eq!(running.errors.text(), "", "{disposition}");
        });
    }
}

/// Sends the signal when the pipe is full, and reads once its handler runs.
fn interrupted(how: &str) -> Outcome {
    within(async {
        let mut running = child(&format!("interrupted {how}")).start();
        assert_eq!(running.talk.line().await, "ready");
        let pid = Pid::from_raw(running.pid as i32).expect("a pid");
        wait_until_it_sleeps_in_a_write(pid).await;
        kill_process(pid, Signal::USR1).expect("a child");
        assert_eq!(running.talk.line().await, "signal");
        running.finish().await
    })
}

async fn wait_until_it_sleeps_in_a_write(pid: Pid) {
    let path = format!("/proc/{}/wchan", pid.as_raw_pid());
    while !std::fs::read_to_string(&path).is_ok_and(|at| at.contains("pipe_write")) {
        tokio::task::yield_now().await;
    }
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_signal_handler_may_log_in_the_middle_of_a_long_record() {
    let outcome = interrupted("log");
    outcome.assert_complete();
    let inside = |text: &&str| text.starts_with("inside y") && text.len() == 7 + 20_000;
    assert_eq!(outcome.messages().into_iter().filter(inside).count(), 1);
    assert_eq!(whole(&outcome), logged(&outcome));
}

/// Returns how many of the long records arrived.
fn whole(outcome: &Outcome) -> u64 {
    let messages = outcome.messages().into_iter();
    let whole = |text: &&str| text.starts_with("outside x") && text.len() == 8 + 200_000;
    messages.filter(whole).count() as u64
}

fn logged(outcome: &Outcome) -> u64 {
    let last = outcome.records.last().expect("a record");
    assert_eq!(last.message, "after");
    number(last, "logged")
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_record_that_an_exception_interrupts_is_counted_as_dropped() {
    // In the close frame, and before that in a frame of its own.
    for (how, end) in [
        ("raise", StreamEnd::Clean),
        ("raise and die", StreamEnd::Eof),
    ] {
        let outcome = interrupted(how);
        assert_eq!(whole(&outcome), logged(&outcome) - 1);
        let summary = &outcome.summary;
        let counted = (summary.dropped, summary.missing, summary.malformed);
        assert_eq!(counted, (1, 0, 0), "{how}: {summary}");
        assert_eq!(summary.end, end, "{how}");
    }
}

/// The levels that a program gives to its own loggers too.
#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn the_filter_overrides_the_levels_of_the_program() {
    let outcome = within(async {
        let running = child("own_levels").start_as(|spawn| spawn.filter("warn"));
        running.finish().await
    });
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["above the filter"]);
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn exceptions_that_nobody_catches_are_records() {
    let outcome = child("uncaught").run();
    assert_eq!(outcome.status.code(), Some(1));
    outcome.assert_nothing_lost(StreamEnd::Clean);
    let expected = ["KeyError: 'in a thread'", "ValueError: the end"];
    assert_eq!(outcome.messages(), expected);
    for (record, thread) in outcome.records.iter().zip(["worker-1", "MainThread"]) {
        assert_eq!(record.thread.as_deref(), Some(thread));
        assert!(
            record
                .file
                .as_deref()
                .is_some_and(|file| file.ends_with("of_python.py"))
        );
        let error = record.error.as_ref().expect("an error");
        assert_eq!((&error.key, &error.message), (&None, &record.message));
        assert!(
            error
                .backtrace
                .as_deref()
                .is_some_and(|trace| trace.contains("in run") || trace.contains("in uncaught"))
        );
    }
    let sources: Vec<_> = outcome.records[1]
        .error
        .iter()
        .flat_map(|error| error.sources.iter())
        .collect();
    assert_eq!(sources, ["OSError: the cause"]);
    assert!(
        outcome.errors.text().contains("ValueError: the end"),
        "on stderr too"
    );
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_text_that_logs_itself_ends() {
    let outcome = child("recursion").run();
    assert!(outcome.status.success(), "{}", outcome.status);
    let messages = outcome.messages();
    assert_eq!(messages.last(), Some(&"end"));
    assert!(messages.contains(&"value"), "{messages:?}");
    // The innermost ones may find no room on the stack of Python.
    let summary = &outcome.summary;
    assert_eq!((summary.missing, summary.malformed), (0, 0), "{summary}");
    assert_eq!(summary.end, StreamEnd::Clean);
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn records_that_logbook_held_back_are_a_batch() {
    let outcome = complete("escalation");
    assert_eq!(outcome.messages(), ["kept back", "kept back too", "severe"]);
    let [first, last, severe] = &outcome.records[..] else {
        panic!("{:?}", outcome.messages());
    };
    for (left, record) in [(1, first), (0, last)] {
        let batch = record.batch.expect("a batch");
        assert_eq!(
            (batch.reason, batch.id, batch.left),
            (BatchReason::Escalation, 1, left)
        );
    }
    assert_eq!(severe.batch, None);
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn logbook_may_have_any_channel_level_and_message() {
    let outcome = complete("odd_logbook");
    let shown = |record: &LogRecord<'_>| {
        let (level, target, message) = (record.level, &record.target, &record.message);
        format!("{level} {target}: {message} {}", record.key_values)
    };
    let shown: Vec<_> = outcome.records.iter().map(shown).collect();
    let expected = [
        r#"ERROR 7: 5 {"levelname":"20"}"#,
        r#"TRACE logbook: m {} {"levelname":"1"}"#,
        r#"INFO : m 1 {"levelname":"NOTICE"}"#,
        r#"ERROR c: failed {"error":7,"exc_info":"ValueError: bad"}"#,
    ];
    assert_eq!(shown, expected);
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_filter_that_is_none_is_reported_and_means_info() {
    for filter in ["inof", "info,shop=inof", "debug/regex"] {
        let outcome = within(async {
            let running = child("worker").start_as(|spawn| spawn.filter(filter));
            running.finish().await
        });
        outcome.assert_complete();
        let messages = outcome.messages();
        assert_eq!(messages.len(), 2, "{filter}: {messages:?}");
        assert!(
            messages[0].starts_with("RECORD_PIPE_FILTER: "),
            "{messages:?}"
        );
    }
}

#[test]
#[ignore = "needs the children that tests/clients/install builds"]
fn a_record_at_the_exit_arrives() {
    assert_eq!(complete("late").messages(), ["at exit"]);
}
