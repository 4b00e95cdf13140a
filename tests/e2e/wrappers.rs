//! What stands between a parent and its child: scripts and hooks with descriptors of their own.

use std::{
    fs::File,
    os::fd::AsRawFd,
    process::{ExitStatus, Stdio},
};

use pipe_subscriber::{Spawn, StreamEnd, Summary};
use tokio::process::Command;

use crate::support::{program, scenario, within};

/// Where programs put descriptors of their own.
const LOW: std::ops::RangeInclusive<i32> = 3..=12;

const CHILD: &str = env!("CARGO_BIN_EXE_e2e-child");

/// Starts what `make` makes and reads it to its end, twice: as a command of tokio and as one of the standard library.
fn run_both(make: impl Fn() -> Command) -> [(ExitStatus, Summary); 2] {
    let with_tokio = within(async {
        let (mut child, logs) = filtered(make()).spawn().expect("a child");
        let summary = logs.run_with(|_| {}).await.expect("no read error");
        (child.wait().await.expect("a status"), summary)
    });
    let spawned = filtered(make().into_std()).spawn();
    let (mut child, logs) = spawned.expect("a child");
    let summary = within(logs.run_with(|_| {})).expect("no read error");
    [with_tokio, (child.wait().expect("a status"), summary)]
}

fn filtered<C: pipe_subscriber::SpawnCommand>(command: C) -> Spawn<C> {
    Spawn::new(command).filter("trace")
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn child(scenario_name: &str) -> Command {
    let (command, _) = scenario(scenario_name).arg(3).into_command();
    quiet(command)
}

/// The hook runs in the forked child, before the one of this project.
fn with_hook(mut command: Command, hook: impl Fn() + Send + Sync + 'static) -> Command {
    let hook = move || {
        hook();
        Ok(())
    };
    // SAFETY: the hooks of these tests make system calls and nothing else.
    unsafe { command.pre_exec(hook) };
    command
}

fn null() -> File {
    File::open("/dev/null").expect("/dev/null")
}

#[track_caller]
fn assert_complete(outcomes: [(ExitStatus, Summary); 2], which: impl std::fmt::Debug) {
    for (status, summary) in outcomes {
        assert!(status.success(), "{which:?}: {status}");
        assert!(summary.is_complete(), "{which:?}: {summary}");
        assert_eq!(summary.received, 3, "{which:?}");
    }
}

/// The child runs and succeeds without its pipe.
#[track_caller]
fn assert_left_alone(outcomes: [(ExitStatus, Summary); 2]) {
    for (status, summary) in outcomes {
        assert!(status.success(), "{status}");
        assert_eq!((summary.received, summary.end), (0, StreamEnd::Eof));
    }
}

#[test]
fn the_write_end_has_the_lowest_free_number_that_programs_leave_alone() {
    let (status, said, errors) = scenario("parent-numbers").run_alone();
    assert!(status.success(), "{status}: {errors}");
    let expected = [
        "no limit to speak of: 100 100",
        "100 is taken: 101 101",
        "limit of 64: 32 32",
        "limit of 48: 24 24",
        "limit of 20: above above",
        "upper half is taken: below below",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn scripts_may_redirect_the_usual_numbers() {
    for number in LOW {
        let script = format!("exec {number}</dev/null; {CHILD} log 3");
        let make = || {
            let (command, _) = program("bash").arg("-c").arg(&script).into_command();
            quiet(command)
        };
        assert_complete(run_both(make), number);
    }
}

#[test]
fn scripts_may_lower_the_limit_of_descriptors_below_the_pipe() {
    let script = format!("ulimit -n 20; exec {CHILD} log 3");
    let make = || {
        let (command, _) = program("bash").arg("-c").arg(&script).into_command();
        quiet(command)
    };
    assert_complete(run_both(make), "a limit of 20");
}

#[test]
fn hooks_may_put_descriptors_on_the_usual_numbers() {
    for number in LOW {
        let make = || {
            let null = null();
            with_hook(child("log"), move || {
                // SAFETY: nothing that is left in the forked child needs what had this number.
                let _refused = unsafe { libc::dup2(null.as_raw_fd(), number) };
            })
        };
        assert_complete(run_both(make), number);
    }
}

#[test]
fn a_hook_that_closes_every_descriptor_costs_the_pipe_and_not_the_child() {
    let make = || {
        with_hook(child("init-or"), || {
            // SAFETY: nothing that is left in the forked child needs them.
            let _refused = unsafe { libc::close_range(3, u32::MAX, 0) };
        })
    };
    assert_left_alone(run_both(make));
}

/// The numbers of all pipes that this process may be handing over are covered.
#[test]
fn what_a_hook_put_on_the_pipes_number_stays_close_on_exec() {
    let script = "for fd in /proc/$$/fd/*; do test $(readlink $fd) != /dev/null || test ${fd##*/} -lt 3 || exit 1; done";
    let make = || {
        let null = null();
        let (command, _) = program("sh").arg("-c").arg(script).into_command();
        with_hook(quiet(command), move || {
            for number in (3..250).filter(|&number| number != null.as_raw_fd()) {
                // SAFETY: nothing that is left in the forked child needs what had this number.
                let _refused = unsafe { libc::dup3(null.as_raw_fd(), number, libc::O_CLOEXEC) };
            }
        })
    };
    assert_left_alone(run_both(make));
}

/// The same for the pipe that a child shares with one of its own.
#[test]
fn a_hook_that_closes_every_descriptor_costs_a_grandchild_the_shared_pipe_and_nothing_else() {
    let outcome = scenario("share-after-hook").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["before", "after"]);
}
