//! A parent that runs with closed stdio. It is one test in a process of its own, because it closes the stdio that all
//! tests share.

use std::{
    os::fd::{FromRawFd, OwnedFd},
    process::{Command, Stdio},
};

use pipe_subscriber::{Spawn, Via};

/// A shell command that writes one frame: a payload of an unknown kind, without fields.
const WRITE_ONE_FRAME: &str =
    "printf '\\0\\0\\0\\002\\143\\220' >/proc/self/fd/$(echo $RECORD_PIPE | cut -d: -f2)";

#[test]
fn the_pipe_takes_no_number_of_stdio() {
    // Without a move, the read end would get number 0 and the write end number 2, which the child's own stderr
    // replaces.
    close(0);
    close(2);
    for via in [Via::Fd, Via::Stdin] {
        let mut command = Command::new("sh");
        command.args(["-c", WRITE_ONE_FRAME]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let (mut child, logs) = Spawn::new(command).via(via).spawn().unwrap();
        let summary = logs.run_on_thread().unwrap().join().unwrap().unwrap();
        assert_eq!(summary.unknown, 1, "{summary}");
        assert!(child.wait().unwrap().success());
    }
}

fn close(number: i32) {
    // SAFETY: Nothing else in this process uses these numbers.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
}
