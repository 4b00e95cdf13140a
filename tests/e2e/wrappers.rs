//! Programs between a parent and its child: scripts and hooks with descriptors of their own, and programs that close
//! descriptors or clear the environment.

use std::{
    fs::File,
    os::fd::AsRawFd,
    process::{ExitStatus, Stdio},
};

use pipe_subscriber::{Spawn, StreamEnd, Summary, Via};
use tokio::process::Command;

use crate::support::{program, scenario, within};

/// The numbers at which programs put descriptors of their own.
const LOW: std::ops::RangeInclusive<i32> = 3..=12;

const CHILD: &str = env!("CARGO_BIN_EXE_e2e-child");

/// Starts the command that `make` returns and reads its records to the end: with tokio's `Command` and with std's.
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

/// Asserts that the child runs and succeeds without its pipe.
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

/// The hook covers the numbers of all pipes that this process may be passing to a child.
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

/// The same for the pipe that a child shares with a child of its own.
#[test]
fn a_hook_that_closes_every_descriptor_costs_a_grandchild_the_shared_pipe_and_nothing_else() {
    let outcome = scenario("share-after-hook").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["before", "after"]);
}

/// Runs the child in a shell command, in which `$CHILD` is the command that starts it and `$N` the pipe's number.
fn run_between(via: Via, command: &str) -> Summary {
    let script = format!("N=${{RECORD_PIPE#v1:}} N=${{N%%:*}}\n{command}");
    let start = program("bash").arg("-c").arg(script);
    let start = start.env("CHILD", CHILD).stdin(Stdio::null());
    within(async {
        let running = start.start_as(|spawn| spawn.filter("trace").via(via));
        running.finish().await.summary
    })
}

/// Without a pipe the child of these tests logs to its fallback.
#[track_caller]
fn assert_arrives(via: Via, command: &str, arrives: bool) {
    let summary = run_between(via, command);
    let line = summary.to_string();
    assert_eq!(
        summary.received,
        u64::from(arrives),
        "{via:?} {command}: {line}"
    );
    assert_eq!(
        line.contains("the child did not adopt the pipe"),
        !arrives,
        "{command}: {line}"
    );
}

#[test]
fn a_summary_says_that_an_environment_was_cleared_or_a_descriptor_closed() {
    for via in [Via::Fd, Via::Stdin] {
        assert_arrives(via, "exec $CHILD init-or", true);
        assert_arrives(via, "exec env -i $CHILD init-or", false);
        let named = r#"RECORD_PIPE="$RECORD_PIPE" RECORD_PIPE_FILTER="$RECORD_PIPE_FILTER""#;
        assert_arrives(via, &format!("exec env -i {named} $CHILD init-or"), true);
    }
    assert_arrives(Via::Fd, "exec {N}>&-; exec $CHILD init-or", false);
    assert_arrives(Via::Stdin, "exec $CHILD init-or </dev/null", false);
    assert_arrives(Via::Stdin, "$CHILD init-or & wait", false);
    assert_arrives(Via::Fd, "$CHILD init-or & wait", true);
}

/// The statements of pipe-subscriber/BETWEEN.md about them.
const BETWEEN: [(Via, bool, &str); 16] = [
    (Via::Fd, false, "exec su - -c \"$CHILD init-or\""),
    (Via::Fd, true, "exec su -w $BOTH - -c \"$CHILD init-or\""),
    (Via::Fd, true, "exec su -c \"$CHILD init-or\""),
    (Via::Fd, false, "exec sudo $CHILD init-or"),
    (
        Via::Fd,
        false,
        "exec sudo --preserve-env=$BOTH $CHILD init-or",
    ),
    (
        Via::Stdin,
        true,
        "exec sudo --preserve-env=$BOTH $CHILD init-or",
    ),
    (Via::Fd, false, "python"),
    (Via::Fd, true, "python , pass_fds=[$N]"),
    (Via::Fd, true, "python , close_fds=False"),
    (Via::Stdin, true, "python"),
    (Via::Fd, false, "node_with 16"),
    (Via::Fd, true, "node_with 17"),
    (Via::Fd, false, "daemon"),
    (Via::Fd, true, "daemon --no-close"),
    (Via::Fd, true, "exec daemonize $CHILD init-or"),
    (Via::Stdin, false, "exec daemonize $CHILD init-or"),
];

/// Shell functions for the cases of more than a line.
const FUNCTIONS: &str = r#"
    BOTH=RECORD_PIPE,RECORD_PIPE_FILTER
    python() {
        exec python3 -c "import subprocess; subprocess.run(['$CHILD', 'init-or']$*)"
    }
    node_with() {
        eval "exec $1>&$N"
        export RECORD_PIPE=v1:$1:${RECORD_PIPE#v1:*:}
        exec node -e "require('child_process').spawnSync('$CHILD', ['init-or'])"
    }
    daemon() {
        exec start-stop-daemon --start --background $1 --pidfile /none --startas $CHILD -- init-or
    }
"#;

#[test]
#[ignore = "needs root, sudo, python3, node, start-stop-daemon and daemonize"]
fn programs_between_keep_back_what_the_documentation_says() {
    for (via, arrives, command) in BETWEEN {
        assert_arrives(via, &format!("{FUNCTIONS}\n{command}"), arrives);
    }
}
