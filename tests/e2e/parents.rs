//! The parent's side: its commands, its threads, its loggers, its end.

use pipe_subscriber::{Spawn, StreamEnd};
use rustix::process::{Pid, Signal, kill_process};
use tokio_stream::StreamExt;

use crate::support::{Talk, scenario, within};

#[test]
fn both_sides_say_hello_through_one_logger() {
    let (status, said, _) = scenario("parent-hello").run_alone();
    assert!(status.success(), "{status}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(
        lines[0].contains("INFO") && lines[0].contains("hello from parent process"),
        "{said}"
    );
    assert!(
        lines[1].contains("INFO") && lines[1].contains("hello from child process"),
        "{said}"
    );
    assert!(
        lines[1].contains("user=7"),
        "its key-value is shown as the parent's would be: {said}"
    );
    assert!(lines[2].contains("1 record received"), "{said}");
}

#[test]
fn the_same_child_logs_by_itself_without_a_parent() {
    let (status, said, _) = scenario("child-hello").run_alone();
    assert!(status.success(), "{status}");
    assert_eq!(said.lines().count(), 1);
    assert!(said.contains("hello from child process"), "{said}");
}

#[test]
fn a_command_of_the_standard_library_is_as_good() {
    let (command, _errors) = scenario("order").arg(4).arg(500).into_command();
    let mut command = command.into_std();
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    let (mut child, logs) = Spawn::new(command).filter("info").spawn().expect("a child");
    let mut received = 0;
    let summary = within(logs.run_with(|_| received += 1)).expect("no read error");
    assert!(child.wait().expect("a status").success());
    assert!(summary.is_complete(), "{summary}");
    assert_eq!((summary.received, received), (2_000, 2_000));
}

#[test]
fn a_thread_of_its_own_needs_no_runtime() {
    let (command, _errors) = scenario("log").arg(700).into_command();
    let mut command = command.into_std();
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    let (mut child, logs) = Spawn::new(command).filter("info").spawn().expect("a child");
    let thread = logs.run_on_thread().expect("a thread");
    assert!(child.wait().expect("a status").success());
    let summary = within(async {
        let joined = tokio::task::spawn_blocking(|| thread.join());
        joined
            .await
            .expect("no panic")
            .expect("no panic")
            .expect("no read error")
    });
    assert!(summary.is_complete(), "{summary}");
    assert_eq!(summary.received, 700);
}

#[test]
fn a_thread_of_its_own_takes_no_signal_that_the_parent_waits_for() {
    within(async {
        let (mut command, _errors) = scenario("parent-awaits-a-signal").into_command();
        let mut parent = command.spawn().expect("a parent");
        let mut talk = Talk::of(&mut parent);
        assert_eq!(talk.line().await, "ready");
        let pid = i32::try_from(parent.id().expect("a process")).ok();
        let pid = pid.and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).expect("a process");
        assert_eq!(talk.line().await, libc::SIGTERM.to_string());
        assert!(parent.wait().await.expect("a status").success());
    });
}

#[test]
fn a_thread_that_cannot_be_had_is_an_error_within_a_runtime_too() {
    // No address space is large enough for this stack.
    let scenario =
        scenario("parent-without-threads").env("RUST_MIN_STACK", (1_u64 << 47).to_string());
    let (status, said, errors) = scenario.run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert!(
        said.contains("would block") || said.contains("unavailable"),
        "{said}"
    );
}

#[test]
fn records_beside_which_an_exit_is_awaited_all_arrive() {
    within(async {
        let mut running = scenario("order").arg(1).arg(3_000).start();
        let mut seen = Vec::new();
        let until_exit = running.logs.run_with_until(
            |record| seen.push(record.message.to_string()),
            running.child.wait(),
        );
        assert!(until_exit.await.expect("a status").success());
        let so_far = running.logs.summary();
        assert_eq!(so_far.received, seen.len() as u64);
        let rest = running
            .logs
            .run_with(|record| seen.push(record.message.to_string()));
        let summary = rest.await.expect("no read error");
        assert!(summary.is_complete(), "{summary}");
        let expected: Vec<String> = (0..3_000).map(|n| format!("t0 n{n}")).collect();
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_run_that_is_dropped_again_and_again_loses_nothing_of_a_child() {
    within(async {
        let mut running = scenario("order").arg(1).arg(3_000).start();
        let mut n = 0;
        while running.logs.summary().end == StreamEnd::Open {
            let run = running.logs.run_with_until(
                |record| {
                    assert_eq!(record.message, format!("t0 n{n}"));
                    n += 1;
                },
                std::future::pending(),
            );
            tokio::select! {
                biased;
                () = run => unreachable!("it waits for ever"),
                () = tokio::task::yield_now() => {}
            }
        }
        let summary = running.logs.run().await.expect("no read error");
        assert!(summary.is_complete(), "{summary}");
        assert_eq!((summary.received, n), (3_000, 3_000));
        assert!(running.child.wait().await.expect("a status").success());
    });
}

#[test]
fn the_stream_of_records_can_be_left_and_taken_up_again() {
    within(async {
        let mut running = scenario("order").arg(1).arg(3_000).start();
        let mut records = running.logs.records();
        let mut n = 0;
        loop {
            // The run is dropped again and again while it waits: no record may be lost with it.
            let next = tokio::select! {
                biased;
                next = records.next() => next,
                () = tokio::task::yield_now() => continue,
            };
            let Some(record) = next else { break };
            assert_eq!(record.message, format!("t0 n{n}"));
            assert_eq!(record.pid, Some(running.pid));
            n += 1;
        }
        assert_eq!(n, 3_000);
        let summary = records.summary().expect("the end").clone();
        assert!(summary.is_complete(), "{summary}");
        assert_eq!(records.into_summary().expect("no read error"), summary);
        assert!(running.child.wait().await.expect("a status").success());
    });
}

#[test]
fn a_child_that_logs_nothing_is_clean_and_one_without_a_handler_is_eof() {
    let outcome = scenario("log").arg(0).run();
    outcome.assert_complete();
    assert_eq!(outcome.summary.processes.len(), 1);

    let outcome = within(async { crate::support::program("true").start().finish().await });
    outcome.assert_nothing_lost(StreamEnd::Eof);
    assert!(
        outcome.summary.processes.is_empty(),
        "a stream without any account"
    );
}

#[test]
fn a_child_whose_parent_is_killed_goes_on() {
    within(async {
        let (mut command, _errors) = scenario("parent-dies").into_command();
        let mut parent = command.spawn().expect("a parent");
        // The grandchild has the parent's stdin and stdout.
        let mut talk = Talk::of(&mut parent);
        assert_eq!(talk.line().await, "ready");
        parent.start_kill().expect("a process");
        parent.wait().await.expect("a status");
        talk.go().await;
        assert_eq!(talk.line().await, "still here");
        assert_eq!(talk.rest().await, "", "and it ends");
    });
}

#[test]
fn the_runtimes_own_records_may_go_through_the_logger_on_both_sides() {
    let (status, said, shown) = scenario("parent-noisy").run_alone();
    assert!(status.success(), "{status}");
    assert!(
        said.starts_with("all ") && said.trim_end().ends_with("true"),
        "{said}"
    );
    for n in 0..20 {
        assert!(shown.contains(&format!("task {n} ")));
        assert!(shown.contains(&format!("blocking {n} ")));
    }
    assert!(shown.contains("afterwards"));
    #[cfg(feature = "runtime_logs")]
    assert!(shown.contains("mio::"), "the runtime did log");
}
