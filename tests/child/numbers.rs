//! The descriptor numbers of write ends, in a process in which nothing else opens a descriptor.

use std::{
    io,
    os::fd::AsRawFd,
    process::{Command, Stdio},
};

use pipe_subscriber::Spawn;
use rustix::io::fcntl_dupfd_cloexec;

use crate::{
    parents::runtime,
    tools::say,
    trouble::{every_descriptor, limit_descriptors},
};

/// A shell script that prints the number of its record pipe, if that is a pipe.
const TELL: &str = "n=${RECORD_PIPE#v1:}; n=${n%%:*}; test -p /proc/$$/fd/$n && echo $n";

/// Prints the numbers for a command of the standard library and for one of tokio.
pub(crate) fn of_write_ends() {
    both("no limit to speak of");
    let taken = fcntl_dupfd_cloexec(io::stdin(), 100).expect("the number 100");
    both("100 is taken");
    drop(taken);
    for limit in [64, 48] {
        limit_descriptors(limit);
        both(&format!("limit of {limit}"));
    }
    limit_descriptors(20);
    both_beside("limit of 20", 10);
    limit_descriptors(40);
    let mut taken: Vec<_> = every_descriptor().collect();
    // The lower half is for the descriptors that spawning opens beside it.
    taken.retain(|fd| fd.as_raw_fd() >= 20);
    both_beside("upper half is taken", 20);
}

/// Whether they are in the lower half.
fn both_beside(when: &str, half: i32) {
    let tell = |number: i32| if number < half { "below" } else { "above" };
    let (std, tokio) = (tell(with_std()), tell(with_tokio()));
    say(&format!("{when}: {std} {tokio}"));
}

fn both(when: &str) {
    say(&format!("{when}: {} {}", with_std(), with_tokio()));
}

fn teller() -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", TELL])
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped());
    command
}

fn with_std() -> i32 {
    let (child, _logs) = Spawn::new(teller()).spawn().expect("a child");
    number(child.wait_with_output().expect("an end").stdout)
}

fn with_tokio() -> i32 {
    runtime().block_on(async {
        let command = tokio::process::Command::from(teller());
        let (child, _logs) = Spawn::new(command).spawn().expect("a child");
        number(child.wait_with_output().await.expect("an end").stdout)
    })
}

fn number(said: Vec<u8>) -> i32 {
    let said = String::from_utf8(said).expect("text");
    said.trim().parse().expect("a number")
}
