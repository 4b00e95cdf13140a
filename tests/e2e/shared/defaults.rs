//! A parent and a child that ask for nothing.

use pipe_subscriber::Spawn;
use tokio::process::Command;

use crate::support::{Running, scenario, within};

/// What the child says, and the messages of its records.
fn child(set: fn(Spawn<Command>) -> Spawn<Command>) -> (String, Vec<String>) {
    within(async {
        let (command, errors) = scenario("defaults").into_command();
        let spawn = set(Spawn::new(command).filter("info"));
        let (child, logs) = spawn.spawn().expect("a child");
        let mut outcome = Running::new(child, logs, errors).finish().await;
        outcome.assert_complete();
        let messages = outcome.messages().into_iter().map(str::to_owned).collect();
        (outcome.talk.line().await, messages)
    })
}

/// Only a shared buffer tells what the parent has read.
#[test]
fn a_record_goes_through_a_shared_buffer_although_nobody_has_asked_for_one() {
    assert_eq!(
        child(|spawn| spawn),
        ("Ok(())".into(), vec!["hello".into()])
    );
    let by_pipe = child(|spawn| spawn.buffer(0));
    assert_eq!(by_pipe, ("Err(Pipe)".into(), vec!["hello".into()]));
}
