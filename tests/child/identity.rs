//! Processes with the same pid, and processes that the C library does not know of.

use std::{
    fmt, io,
    process::{self, Command},
};

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::tools::{init, init_directly, pattern};

/// Two sandboxes of one supervisor, each the first process of a PID namespace of its own, log at once.
pub(crate) fn two_namespaces(records: usize, size: usize, before: &str) {
    init();
    if before == "logged" {
        log::info!(who = "supervisor", n = 0; "{}", pattern(size, 0));
    }
    let sandboxes = ["a", "b"].map(|who| {
        in_child(|| {
            let inner = in_namespace(|| log_as(who, 0..records, size));
            wait_for(inner);
        })
    });
    sandboxes.into_iter().for_each(wait_for);
}

/// The first process of a PID namespace makes another one, and both log on.
pub(crate) fn nested_namespaces(records: usize, size: usize) {
    init();
    let outer = in_namespace(|| {
        log_as("a", 0..records, size);
        let inner = in_namespace(|| log_as("b", 0..records, size));
        log_as("a", records..2 * records, size);
        wait_for(inner);
    });
    wait_for(outer);
}

/// Makes a process by the system call alone, of which the C library knows nothing. The locks of the C library stay as
/// another thread has them, so there must be no other thread.
pub(crate) fn cloned(records: usize, size: usize, together: &str) {
    init_directly();
    log_as("a", 0..1, size);
    let child = in_clone(|| log_as("b", 0..records, size));
    if together == "after" {
        wait_for(child);
    }
    log_as("a", 1..records, size);
    if together != "after" {
        wait_for(child);
    }
}

/// Does the same in the middle of a record.
pub(crate) fn cloned_in_display(size: usize) {
    struct Clones(usize);
    impl fmt::Display for Clones {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            if let Some(child) = clone() {
                wait_for(child);
            }
            f.write_str(&pattern(self.0, 0))
        }
    }
    init_directly();
    log::info!(who = "both", n = 0; "{}", Clones(size));
    log_as("both", 1..3, size);
    process::exit(0)
}

/// Two programs that adopt the same variable, as two commands of one shell do.
pub(crate) fn two_programs() {
    init();
    let program = std::env::current_exe().expect("a path");
    let script = r#""$0" log 5 & "$0" log 7 & wait"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program);
    pipe_handler::share_with(&mut shell).expect("a pipe");
    shell.status().expect("a shell");
}

fn log_as(who: &str, numbers: std::ops::Range<usize>, size: usize) {
    for n in numbers {
        log::info!(who, n; "{}", pattern(size, n));
    }
}

/// Runs `body` in the first process of a new PID namespace. An ordinary user needs a user namespace too.
fn in_namespace(body: impl FnOnce()) -> Pid {
    let mut flags = libc::CLONE_NEWPID;
    if !rustix::process::geteuid().is_root() {
        flags |= libc::CLONE_NEWUSER;
    }
    // SAFETY: it takes a number and touches no memory.
    let unshared = unsafe { libc::unshare(flags) };
    assert_eq!(unshared, 0, "unshare: {}", io::Error::last_os_error());
    in_child(|| {
        assert_eq!(process::id(), 1, "the first of its namespace");
        body();
    })
}

fn in_child(body: impl FnOnce()) -> Pid {
    crate::families::fork().unwrap_or_else(|| {
        body();
        process::exit(0)
    })
}

fn in_clone(body: impl FnOnce()) -> Pid {
    clone().unwrap_or_else(|| {
        body();
        process::exit(0)
    })
}

/// Calls `clone`. Returns `None` in the child.
fn clone() -> Option<Pid> {
    // SAFETY: without CLONE_VM it is a fork of a process with one thread.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => panic!("clone: {}", io::Error::last_os_error()),
        child => Pid::from_raw(i32::try_from(child).expect("a pid")),
    }
}

fn wait_for(child: Pid) {
    let (_, status) = waitpid(Some(child), WaitOptions::empty())
        .expect("waitpid")
        .expect("a status");
    assert_eq!(status.exit_status(), Some(0));
}
