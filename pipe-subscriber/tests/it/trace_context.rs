//! The context of a trace in the child's environment.

use std::{collections::HashMap, env, process::Command, process::Stdio};

use pipe_subscriber::Spawn;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Starts a child whose parent's environment has a context already, and returns the child's.
fn handed_down(configure: impl FnOnce(Spawn<Command>) -> Spawn<Command>) -> String {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "printf '%s|' \"${TRACEPARENT-none}\" \"${TRACESTATE-none}\" \"${BAGGAGE-none}\"; env | grep -ci '^b3='; :",
        ])
        .env("TRACEPARENT", "of-the-parents-parent")
        .env("TRACESTATE", "of-the-parents-parent")
        .stdout(Stdio::piped());
    let (child, _logs) = configure(Spawn::new(command)).spawn().unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    String::from_utf8(output).unwrap().trim_end().to_owned()
}

#[test]
fn the_entries_of_a_propagator_become_variables_and_replace_those_of_another_trace() {
    assert!(
        env::var_os("BAGGAGE").is_none(),
        "this test needs a clean environment"
    );
    let context = HashMap::from([
        ("traceparent".to_owned(), TRACE.to_owned()),
        ("Baggage".to_owned(), "user=7".to_owned()),
        ("b3".to_owned(), "1".to_owned()),
    ]);
    let handed = handed_down(|spawn| spawn.trace_context(context));
    assert_eq!(handed, format!("{TRACE}|none|user=7|0"));

    let all = [
        ("TRACEPARENT", TRACE),
        ("TRACESTATE", "a=1"),
        ("BAGGAGE", ""),
    ];
    let handed = handed_down(|spawn| spawn.trace_context(all));
    assert_eq!(handed, format!("{TRACE}|a=1||0"));
}

#[test]
fn without_a_current_span_the_child_gets_no_context_and_without_the_setting_the_environment_stays()
{
    let none: [(&str, &str); 0] = [];
    assert_eq!(
        handed_down(|spawn| spawn.trace_context(none)),
        "none|none|none|0"
    );
    let inherited = "of-the-parents-parent|of-the-parents-parent|none|0";
    assert_eq!(handed_down(|spawn| spawn), inherited);
}

#[test]
fn a_value_that_no_environment_can_have_is_an_error_of_the_spawn() {
    let spawn = Spawn::new(Command::new("true")).trace_context([("traceparent", "a\0b")]);
    assert!(spawn.spawn().is_err());
}
