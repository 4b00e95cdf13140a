//! Programs without a record pipe, started while others get theirs.

use std::{
    collections::HashSet,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use pipe_subscriber::Spawn;

use crate::{
    descriptors::{open_descriptors, pipe_inode},
    parents::runtime,
    tools::say,
};

/// Prints all pipes of this process but its standard streams.
pub(crate) fn list_pipes() {
    let open = open_descriptors().into_iter().filter(|&fd| fd > 2);
    let pipes: Vec<String> = open.filter_map(pipe_inode).map(|i| i.to_string()).collect();
    say(&pipes.join(" "));
}

fn this(scenario: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.arg(scenario);
    command
}

/// Two threads start this many programs without a pipe, while two others start children with pipes. Prints the numbers
/// of programs and of pipes, and how many programs had inherited one of the pipes.
pub(crate) fn among_spawns(foreign: usize) {
    let left = AtomicUsize::new(foreign);
    let told = Mutex::new(Vec::new());
    let pipes = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while take_one(&left) {
                    let output = this("list-pipes").output().expect("a stranger");
                    let list = String::from_utf8(output.stdout).expect("text");
                    told.lock().expect("a list").push(list);
                }
            });
            scope.spawn(|| {
                while left.load(SeqCst) > 0 {
                    let own = own_pipe();
                    pipes.lock().expect("a list").insert(own);
                }
            });
        }
    });
    let (told, pipes) = (told.into_inner(), pipes.into_inner());
    let (told, pipes) = (told.expect("a list"), pipes.expect("a list"));
    let has_one = |list: &&String| list.split_whitespace().any(|pipe| pipes.contains(pipe));
    let leaks = told.iter().filter(has_one).count();
    say(&format!("{} {} {leaks}", told.len(), pipes.len()));
}

/// Starts a child with a pipe and returns the pipe.
fn own_pipe() -> String {
    let spawned = Spawn::new(this("pipes")).filter("info").spawn();
    let (mut child, logs) = spawned.expect("a child");
    let mut own = None;
    let run = logs.run_with(|record| own = record.key_values.get("own").map(|v| v.to_string()));
    runtime().block_on(run).expect("no read error");
    assert!(child.wait().expect("a status").success());
    own.expect("a record")
}

fn take_one(left: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    left.fetch_update(SeqCst, SeqCst, one_less).is_ok()
}
