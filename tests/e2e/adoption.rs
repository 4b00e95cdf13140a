//! A child takes exactly the pipe that its parent gave it, once, and nothing else.

use std::{
    fs::File,
    io::{Read, Seek},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use pipe_subscriber::Via;

use crate::support::{Scenario, address, assert_fallback, number, scenario, within};

/// Tries `init` and `init_or` with a value of the variable, and with a file as descriptor 1.
struct Attempt {
    value: Option<String>,
    stdout: fn() -> OwnedFd,
}

impl Attempt {
    fn with(value: &str) -> Self {
        let stdout = || File::open("/dev/null").expect("a file").into();
        let value = Some(value.to_owned());
        Self { value, stdout }
    }

    fn scenario(&self, name: &str) -> Scenario {
        let scenario = scenario(name).stdout((self.stdout)());
        match &self.value {
            Some(value) => scenario.env("RECORD_PIPE", value),
            None => scenario,
        }
    }

    /// `init` fails for this reason, and `init_or` takes the fallback and reports the same reason.
    #[track_caller]
    fn assert_refused(self, reason: &str) {
        let (status, _, errors) = self.scenario("init").run_alone();
        assert!(status.success(), "{status}");
        assert_eq!(
            errors.trim_end(),
            format!("init: Err({reason})"),
            "{:?}",
            self.value
        );

        let (status, _, errors) = self.scenario("init-or").run_alone();
        assert!(status.success(), "{status}");
        assert_fallback(&errors, reason);
    }
}

#[test]
fn without_the_variable_there_is_no_pipe() {
    let absent = Attempt {
        value: None,
        ..Attempt::with("")
    };
    absent.assert_refused("Absent");
}

#[test]
fn a_value_of_another_form_is_malformed() {
    for value in [
        "7",
        "v1",
        "v1:5",
        "v1:5:6",
        "v1:a:b:c",
        "v1:-1:2:3",
        "x1:5:6:7",
        "v1:5:6:",
        "hello",
    ] {
        Attempt::with(value).assert_refused("Malformed");
    }
}

#[test]
fn a_value_of_a_later_version_is_newer() {
    Attempt::with("v2:5:6:7").assert_refused("Newer { version: 2 }");
    Attempt::with("v17:something:else").assert_refused("Newer { version: 17 }");
}

#[test]
fn a_descriptor_that_is_closed_is_stale() {
    Attempt::with("v1:900:6:7").assert_refused("Stale { fd: 900 }");
}

#[test]
fn nothing_is_written_into_another_pipe_that_has_the_number_now() {
    for name in ["init", "init-or"] {
        let (_other_read_end, other) = std::io::pipe().expect("a pipe");
        let (mut read_end, write_end) = std::io::pipe().expect("a pipe");
        let scenario = scenario(name)
            .stdout(write_end)
            .env("RECORD_PIPE", address(1, &other));
        let (status, _, errors) = scenario.run_alone();
        assert!(status.success(), "{status}");
        assert!(errors.contains("Stale { fd: 1 }"), "{errors}");
        let mut written = String::new();
        read_end.read_to_string(&mut written).expect("a pipe");
        assert_eq!(written, "", "{name}");
    }
}

#[test]
fn nothing_is_written_into_a_file_that_has_the_number_now() {
    let path = crate::support::temporary("file");
    for name in ["init", "init-or"] {
        for own_numbers in [true, false] {
            std::fs::write(&path, "what was there\n").expect("a file");
            let mut file = File::options()
                .read(true)
                .append(true)
                .open(&path)
                .expect("a file");
            let value = match own_numbers {
                // Not even if the numbers match: it is no pipe.
                true => address(1, &file),
                false => "v1:1:13:4711".to_owned(),
            };
            let stdout = file.try_clone().expect("a file");
            let scenario = scenario(name).stdout(stdout).env("RECORD_PIPE", value);
            let (status, _, errors) = scenario.run_alone();
            assert!(status.success(), "{status}");
            assert!(errors.contains("Foreign { fd: 1 }"), "{errors}");
            let mut content = String::new();
            file.rewind().expect("a file");
            file.read_to_string(&mut content).expect("a file");
            assert_eq!(content, "what was there\n");
        }
    }
    let _gone = std::fs::remove_file(path);
}

#[test]
fn a_socket_and_a_read_end_are_foreign() {
    let (_other, socket) = UnixStream::pair().expect("a socket");
    let (read_end, _write_end) = std::io::pipe().expect("a pipe");
    for stdout in [OwnedFd::from(socket), OwnedFd::from(read_end)] {
        for name in ["init", "init-or"] {
            let value = address(1, &stdout);
            let stdout = stdout.try_clone().expect("a descriptor");
            let scenario = scenario(name).stdout(stdout).env("RECORD_PIPE", value);
            let (status, _, errors) = scenario.run_alone();
            assert!(status.success(), "{status}");
            assert!(errors.contains("Foreign { fd: 1 }"), "{errors}");
        }
    }
}

#[test]
fn with_a_pipe_the_fallback_is_not_used() {
    let outcome = scenario("init-or").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["after init_or"]);
    assert_eq!(outcome.errors.text().trim_end(), "init_or: the pipe");
}

#[test]
fn further_parts_of_the_value_are_ignored() {
    let outcome = within(async {
        let (read_end, write_end) = std::io::pipe().expect("a pipe");
        let value = format!("{}:what:ever", address(1, &write_end));
        let scenario = scenario("init").stdout(write_end).env("RECORD_PIPE", value);
        let (mut command, _errors) = scenario.into_command();
        let mut child = command.spawn().expect("a child");
        drop(command);
        let receiver = tokio::net::unix::pipe::Receiver::from_owned_fd(read_end.into());
        let logs = pipe_subscriber::PipeSubscriber::new(receiver.expect("a pipe"));
        let summary = logs.run_with(|_| {}).await.expect("no read error");
        assert!(child.wait().await.expect("a status").success());
        summary
    });
    assert!(outcome.is_complete(), "{outcome}");
    assert_eq!(outcome.received, 1);
}

#[test]
fn a_second_handler_cannot_have_the_pipe() {
    for via in [Via::Fd, Via::Stdin] {
        within(async {
            let mut running = scenario("twice").start_as(|spawn| spawn.via(via).filter("info"));
            assert_eq!(running.talk.line().await, "second: Err(AlreadyAdopted)");
            // The fallback cannot become the logger either.
            let third = running.talk.line().await;
            assert_eq!(third, "third: Err(Logger)");
            let outcome = running.finish().await;
            outcome.assert_complete();
            assert_eq!(outcome.messages(), ["still by the first"]);
        });
    }
}

#[test]
fn the_pipe_moves_to_a_descriptor_of_the_handlers_own() {
    for (via, given) in [(Via::Fd, "closed"), (Via::Stdin, "something else")] {
        within(async {
            let mut running = scenario("moves").start_as(|spawn| spawn.via(via).filter("info"));
            let expected = format!("own true, high true, close-on-exec true, given {given}");
            assert_eq!(running.talk.line().await, expected);
            let outcome = running.finish().await;
            outcome.assert_complete();
            assert_eq!(outcome.messages(), ["in the pipe", "afterwards"]);
            assert_eq!(number(&outcome.records[1], "written"), 0);
        });
    }
}

#[test]
fn a_start_that_fails_leaves_the_pipe_to_the_next() {
    for delivery in ["direct", "shared"] {
        for via in [Via::Fd, Via::Stdin] {
            within(async {
                let scenario = scenario("logger-before").env("E2E_DELIVERY", delivery);
                let mut running = scenario.start_as(|spawn| spawn.via(via).filter("info"));
                let said = running.talk.line().await;
                assert_eq!(said, "logger logger filter");
                let outcome = running.finish().await;
                outcome.assert_complete();
                assert_eq!(outcome.messages(), ["by the last"]);
            });
        }
    }
}

#[test]
fn without_a_descriptor_the_fallback_is_used_and_the_pipe_is_kept() {
    let said = "cannot move the record pipe to a descriptor of its own, given true\nmoved true\n";
    for via in [Via::Fd, Via::Stdin] {
        within(async {
            let scenario = scenario("no-descriptor");
            let running = scenario.start_as(|spawn| spawn.via(via).filter("info"));
            let mut outcome = running.finish().await;
            outcome.assert_complete();
            assert_eq!(outcome.messages(), ["by the pipe"]);
            assert_eq!(outcome.talk.rest().await, said);
        });
    }
}

#[test]
#[ignore = "needs root"]
fn via_stdin_a_chroot_without_devices_will_do() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("not root: nothing was tried");
    }
    let root = crate::support::temporary("root");
    std::fs::create_dir(&root).expect("a folder");
    let outcome = within(async {
        let scenario = scenario("stdin-in-chroot").arg(root.display());
        let running = scenario.start_as(|spawn| spawn.via(Via::Stdin).filter("info"));
        running.finish().await
    });
    outcome.assert_complete();
    let values = outcome.records[0].key_values.to_string();
    assert_eq!(values, r#"{"read":0,"own":false}"#);
    std::fs::remove_dir(root).expect("an empty folder");
}

#[test]
fn a_grandchild_with_the_variable_alone_logs_to_its_terminal() {
    let outcome = scenario("inherits-the-variable").run();
    outcome.assert_complete();
    assert_eq!(outcome.messages(), ["the child", "the grandchild is gone"]);
    assert_eq!(outcome.summary.processes.len(), 1);
    let errors = outcome.errors.text();
    assert!(errors.contains("init_or: the fallback, Stale"), "{errors}");
    assert!(errors.contains("fallback: after init_or"), "{errors}");
}

#[test]
fn via_stdin_the_records_arrive_and_the_child_reads_an_empty_input() {
    let outcome = within(async {
        let running = scenario("stdin").start_as(|spawn| spawn.via(Via::Stdin).filter("info"));
        running.finish().await
    });
    outcome.assert_complete();
    let values = outcome.records[0].key_values.to_string();
    assert_eq!(values, r#"{"bytes":0,"behind":"/dev/null"}"#);
}

#[test]
fn a_program_that_sets_the_variable_itself_is_a_parent_as_well() {
    let outcome = within(async { scenario("log").arg(100).start_by_hand().finish().await });
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 100);
}
