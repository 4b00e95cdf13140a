//! Bells that never reach the parent: what was logged arrives with the next record of another thread, or at the end.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use pipe_subscriber::{Spawn, Summary};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{scenario, watch};

/// A parent that reads only if something wakes it. It has one thread, which does nothing while the bell is lost.
fn messages_of(how: &str) -> (Vec<String>, Summary) {
    let _alive = watch();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let (command, _errors) = scenario("bells").arg(how).into_command();
    let mut command = command.into_std();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    runtime.block_on(async {
        let spawn = Spawn::new(command).filter("trace").buffer(1 << 20);
        let (mut child, logs) = spawn.spawn().expect("a child");
        let mut input = child.stdin.take().expect("a stdin");
        let mut output = BufReader::new(child.stdout.take().expect("a stdout"));
        let mut line = String::new();
        let (sender, mut messages) = unbounded_channel();
        // A task of its own, so that it is polled only if it is woken.
        let reading = tokio::spawn(logs.run_with(move |record| {
            sender.send(record.message.to_string()).expect("a receiver");
        }));
        assert_eq!(messages.recv().await.as_deref(), Some("first"));

        let heard = tokio::task::spawn_blocking(move || {
            output.read_line(&mut line).expect("a stdout");
            (line, output)
        });
        let (mut line, mut output) = heard.await.expect("a line");
        assert_eq!(line, "asleep\n");
        // From here to the second line this thread, the only one, is busy.
        writeln!(input).expect("a child that listens");
        line.clear();
        output.read_line(&mut line).expect("a stdout");
        assert_eq!(line, "gone\n");
        writeln!(input).expect("a child that listens");

        let mut all = vec![messages.recv().await.expect("a record")];
        drop(input);
        while let Some(message) = messages.recv().await {
            all.push(message);
        }
        child.wait().expect("a status");
        let summary = reading.await.expect("no panic");
        (all, summary.expect("no read error"))
    })
}

#[test]
fn a_record_whose_bell_was_stolen_arrives_with_the_next_record_of_another_thread() {
    let (messages, summary) = messages_of("stolen");
    assert_eq!(messages, ["unheard", "next"], "{summary}");
    assert_eq!(summary.received, 3, "{summary}");
}

#[test]
fn a_record_whose_bell_was_stolen_arrives_when_the_child_ends() {
    for how in ["exit", "_exit"] {
        let (messages, summary) = messages_of(how);
        assert_eq!(messages, ["unheard"], "{summary}");
        assert_eq!((summary.received, summary.missing), (2, 0), "{summary}");
    }
}

#[test]
fn a_record_whose_bell_found_no_room_in_the_pipe_arrives() {
    let (messages, summary) = messages_of("lost");
    assert_eq!(messages, ["unheard", "next"], "{summary}");
    assert_eq!((summary.received, summary.dropped), (3, 0), "{summary}");
}
