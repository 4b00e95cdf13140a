//! Children that use `tracing`. With the feature `runtime_logs`, `tracing` also logs everything through `log`, and nothing
//! must change.

use std::collections::BTreeMap;

use crate::support::{Outcome, scenario, within};

/// Runs a scenario with this filter. Returns what arrived, and the lines that the child printed.
fn run(name: &str, arg: &str, filter: &str) -> (Outcome, Vec<String>) {
    within(async {
        let scenario = scenario(name).arg(arg);
        let child = scenario.start_as(|spawn| spawn.filter(filter));
        let mut outcome = child.finish().await;
        let lines = outcome.talk.rest().await;
        (outcome, lines.lines().map(str::to_owned).collect())
    })
}

/// How often each message of the target arrived. All records of the child's dependencies have other targets.
fn messages(outcome: &Outcome) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for record in outcome.records.iter().filter(|r| r.target == "app") {
        *counts.entry(&*record.message).or_default() += 1;
    }
    counts
}

const ONCE: [&str; 6] = [
    "event",
    "event in a span",
    "event with a formatter that logs",
    "record",
    "record in a span",
    "record with a formatter that logs",
];

#[test]
fn events_and_records_of_log_arrive_once() {
    for layers in ["alone", "printing", "debug"] {
        let (outcome, _) = run("traced", layers, "info");
        outcome.assert_complete();
        let expected: BTreeMap<_, _> = ONCE.into_iter().map(|message| (message, 1)).collect();
        assert_eq!(messages(&outcome), expected, "{layers}");
    }
}

#[test]
fn other_layers_get_events_and_records_of_log_once() {
    let (outcome, lines) = run("traced", "printing", "error");
    outcome.assert_complete();
    let printed = [
        "INFO app: event",
        "INFO app: record",
        "WARN app: event in a span",
        "WARN app: record in a span",
        "ERROR app: event with a formatter that logs",
        "ERROR app: record with a formatter that logs",
    ];
    let of_app = lines.iter().filter(|line| line.contains(" app: "));
    assert_eq!(of_app.collect::<Vec<_>>(), printed);
    assert_eq!(messages(&outcome).len(), 2);

    let (_, lines) = run("traced", "debug", "error");
    let debug = lines.iter().filter(|line| line.starts_with("DEBUG app: "));
    let debug: Vec<_> = debug.collect();
    assert_eq!(debug, ["DEBUG app: debug event", "DEBUG app: debug record"]);
}

#[test]
fn records_of_log_keep_their_key_values_and_have_the_spans_of_their_thread() {
    let (outcome, _) = run("traced", "alone", "info");
    let record = |message: &str| {
        let mut all = outcome.records.iter();
        all.find(|r| r.message == message).expect("a record")
    };
    assert_eq!(record("event").key_values.to_string(), r#"{"user":7}"#);
    let plain = record("record");
    assert_eq!(plain.key_values.get("job"), Some(3.into()));
    assert!(plain.error.is_some() && plain.spans.is_empty());
    for message in ["event in a span", "record in a span"] {
        let spans = record(message).spans.to_string();
        assert_eq!(spans, r#"request{id=7 user="ann"}"#, "{message}");
    }
    let file = record("record").file.as_deref().expect("a file");
    assert!(file.ends_with("child/traced.rs"), "{file}");
}

#[test]
fn a_formatter_that_logs_and_one_that_never_ends_are_bounded() {
    for layers in ["alone", "printing"] {
        let (outcome, _) = run("traced", layers, "trace");
        let counts = messages(&outcome);
        // The event has two such values, and so has the record. The other layer formats the messages too, and the event
        // that this makes is one more for itself.
        let times = if layers == "alone" { 4 } else { 7 };
        assert_eq!(counts["event from a formatter"], times, "{layers}");
        assert_eq!(counts["record from a formatter"], times, "{layers}");
        // For the other layer it begins again.
        let passes = if layers == "alone" { 1 } else { 2 };
        let endless = outcome.records.iter().filter(|r| r.message == "endless");
        assert_eq!(endless.count(), 5 * passes, "{layers}");
        assert_eq!(outcome.summary.dropped, passes as u64, "{layers}");
    }
}

#[test]
fn without_a_pipe_the_fallback_gets_events_and_records_of_log_once() {
    let (status, output, errors) = scenario("traced-or").run_alone();
    assert!(status.success(), "{errors}");
    let of_app = output.lines().filter(|line| line.contains(" app: "));
    assert_eq!(of_app.count(), 6, "{output}");
    assert!(output.starts_with("Fallback("), "{output}");

    let (outcome, lines) = run("traced-or", "", "info");
    outcome.assert_complete();
    assert_eq!(lines, ["Pipe"]);
    assert_eq!(messages(&outcome).len(), 6);
}

#[test]
fn a_start_that_fails_sets_nothing_and_leaves_the_pipe() {
    for first in ["logger", "subscriber"] {
        let (outcome, _) = run("traced-twice", first, "info");
        outcome.assert_complete();
        let found = outcome.messages();
        assert_eq!(found, ["after a start that failed"], "{first}");
    }
}

#[test]
fn destructors_of_thread_locals_make_events_whenever_they_run() {
    let (outcome, _) = run("traced-late", "", "info");
    outcome.assert_complete();
    let expected = [("event", 1), ("late event", 2), ("late record", 2)];
    assert_eq!(messages(&outcome), expected.into_iter().collect());
    let panics = outcome.records.iter().filter(|r| r.target == "panic");
    assert_eq!(panics.count(), 0);
}

#[test]
fn a_forked_process_goes_on_in_the_span_of_its_parent() {
    let (outcome, _) = run("traced-fork", "", "info");
    outcome.assert_complete();
    let of_app = outcome.records.iter().filter(|r| r.target == "app");
    let found: Vec<_> = of_app.map(|r| (&*r.message, r.spans.to_string())).collect();
    let within = |who: &str| format!(r#"request{{who="{who}"}}"#);
    assert_eq!(
        found,
        [
            ("before", within("before")),
            ("child", within("child")),
            ("child", within("child")),
            ("parent", within("before")),
        ]
    );
    assert_eq!(outcome.summary.processes.len(), 2);
}

/// With `runtime_logs`, `tracing` passes each event on to the logger that the program has chosen, as it does without this
/// project.
#[test]
#[cfg(not(feature = "runtime_logs"))]
fn a_subscriber_of_the_programs_own_gets_records_of_log_without_key_values() {
    let (outcome, _) = run("traced-by-itself", "", "info");
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["event", "record"]);
    assert_eq!(outcome.records[1].target, "app");
    assert!(outcome.records[1].key_values.is_empty());
}
