//! The exit codes of the examples, and how they behave with unusual streams and limits.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::fd::AsFd,
    thread,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::{Pid, Resource, Rlimit, Signal, kill_process, setrlimit},
};

use crate::{
    examples::{example, full, parsed, path, printing, run_emit, something_to_print},
    support::{Scenario, Talk, program, temporary, within},
};

/// Returns a program that a shell starts with this limit.
fn limited(limit: &str, arguments: &[&str]) -> Scenario {
    let script = format!("{limit}; exec \"$@\"");
    let shell = program("sh").arg("-c").arg(script).arg("sh");
    arguments.iter().fold(shell, Scenario::arg)
}

/// Asserts that stderr is one line, which names the program: no panic.
#[track_caller]
fn assert_one_line(errors: &str, name: &str, what: &str) {
    assert_eq!(errors.lines().count(), 1, "{what}: {errors}");
    assert!(errors.starts_with(name), "{what}: {errors}");
}

#[test]
fn run_child_ends_as_env_does_if_a_program_cannot_be_started() {
    let plain = temporary("plain");
    fs::write(&plain, "true\n").expect("a file");
    let below = plain.join("below");
    for (program, code) in [
        ("/nonexistent/program", 127),
        ("no-program-has-this-name", 127),
        (plain.to_str().expect("a path"), 126),
        (below.to_str().expect("a path"), 126),
        ("/", 126),
    ] {
        let (status, said, errors) = example("run_child").arg("--").arg(program).run_alone();
        assert_eq!(
            (status.code(), &*said),
            (Some(code), ""),
            "{program}: {errors}"
        );
        assert_one_line(&errors, "run_child: cannot start ", program);
    }
    let _gone = fs::remove_file(&plain);
}

#[test]
fn wrong_options_are_a_failure_of_run_childs_own_and_are_named() {
    for (option, named) in [
        ("--filter=inof", "\"inof\""),
        ("--filter=", "\"\""),
        ("--filter=info;worker=debug", "\"info;worker\""),
        ("--filter=worker=verbose", "\"verbose\""),
        ("--filter=warn,worker", "\"worker\""),
        ("--no-such-option", "--no-such-option"),
    ] {
        let scenario = example("run_child").arg(option).arg("--").arg("true");
        let (status, _, errors) = scenario.run_alone();
        assert_eq!(status.code(), Some(125), "{option}");
        assert!(errors.contains(named), "{option}: {errors}");
    }
}

#[test]
fn an_example_without_descriptors_says_so_in_a_line() {
    let file = temporary("file");
    fs::write(&file, "words").expect("a file");
    let file = file.to_str().expect("a path");
    for (command, code, name) in [
        (&[&*path("run_child"), "true"][..], 125, "run_child: "),
        (
            &[&path("index_files"), "--workers", "1", file],
            1,
            "index_files: ",
        ),
    ] {
        let mut refused = 0;
        for limit in 5..24 {
            let scenario = limited(&format!("ulimit -n {limit}"), command);
            let (status, _, errors) = scenario.run_alone();
            if status.code() != Some(0) {
                refused += 1;
                assert_eq!(status.code(), Some(code), "{limit}: {errors}");
                assert_one_line(&errors, name, command[0]);
            }
        }
        assert!(refused > 3, "{name}{refused}");
    }
    let _gone = fs::remove_file(file);
}

#[test]
fn an_ignored_sigchld_costs_neither_status_nor_figures() {
    let scenario = run_emit("--format json", "--records 5 --end kill");
    let (status, said, errors) = scenario.ignoring(&[Signal::CHILD]).run_alone();
    assert_eq!(status.code(), Some(128 + 9), "{errors}");
    assert_eq!(parsed(&said).1["received"], 5);

    let (folder, stored) = something_to_print();
    let index = example("index_files").arg(folder.display());
    let (status, said, errors) = index.ignoring(&[Signal::CHILD]).run_alone();
    let _gone = (fs::remove_dir_all(&folder), fs::remove_file(&stored));
    assert!(status.success(), "{errors}");
    assert!(said.contains("found 1 file, 1 directory"), "{said}");
}

#[test]
fn output_that_is_lost_is_a_failure_and_the_figures_go_to_stderr() {
    let (folder, stored) = something_to_print();
    for (what, how) in [
        ("Bad file descriptor", closed as fn(Scenario) -> Scenario),
        ("File too large", into_a_file_that_may_not_grow),
        ("No space left on device", |scenario| {
            scenario.stdout(full())
        }),
    ] {
        for (name, scenario) in printing(&folder, &stored) {
            let (status, _, errors) = how(scenario).run_alone();
            let code = match name {
                "record_cat" => 2,
                "run_child" => 125,
                _ => 1,
            };
            assert_eq!(status.code(), Some(code), "{name}: {status}: {errors}");
            assert_eq!(errors.matches(what).count(), 1, "{name}: {errors}");
            assert!(errors.contains(" received"), "{name}: {errors}");
        }
    }
    let _gone = (fs::remove_dir_all(&folder), fs::remove_file(&stored));
}

fn closed(scenario: Scenario) -> Scenario {
    scenario.before(|| {
        // SAFETY: nobody in the new process has used it.
        unsafe { libc::close(1) };
    })
}

const LIMIT: u64 = 1 << 16;

/// Only the file of stdout may not grow; stderr is elsewhere.
fn into_a_file_that_may_not_grow(scenario: Scenario) -> Scenario {
    let path = temporary("full");
    fs::write(&path, vec![0; LIMIT as usize]).expect("a file");
    let file = fs::OpenOptions::new().append(true).open(&path);
    let _gone = fs::remove_file(&path);
    scenario.stdout(file.expect("a file")).before(|| {
        let limit = Rlimit {
            current: Some(LIMIT),
            maximum: Some(LIMIT),
        };
        let _seen = setrlimit(Resource::Fsize, limit);
    })
}

#[test]
fn a_store_that_may_not_grow_is_a_failure() {
    let stored = temporary("frames");
    let own = format!("--format json --tee {}", stored.display());
    let scenario = run_emit(&own, "--records 1000 --message-bytes 500").before(|| {
        let limit = Rlimit {
            current: Some(LIMIT),
            maximum: Some(LIMIT),
        };
        let _seen = setrlimit(Resource::Fsize, limit);
    });
    let (status, said, errors) = scenario.run_alone();
    let _gone = fs::remove_file(&stored);
    assert_eq!(status.code(), Some(125), "{errors}");
    let (records, summary) = parsed(&said);
    assert_eq!((records.len(), &summary["received"]), (1000, &1000.into()));
    assert!(
        summary["reasons"].to_string().contains("File too large"),
        "{summary}"
    );
}

/// Another program that shares the open file may have set the flag, and it must stay set.
fn set_nonblocking(file: &impl AsFd) {
    fcntl_setfl(file, OFlags::NONBLOCK).expect("fcntl");
}

#[test]
fn an_output_that_does_not_block_is_waited_for() {
    within(async {
        let (reader, writer) = io::pipe().expect("a pipe");
        set_nonblocking(&writer);
        let scenario = run_emit("--format text", "--records 20000");
        let (mut command, errors) = scenario.stdout(writer).into_command();
        let mut child = command.spawn().expect("run_child");
        drop(command);
        let lines = tokio::task::spawn_blocking(|| BufReader::new(reader).lines().count());
        let status = child.wait().await.expect("a status");
        assert_eq!(lines.await.expect("lines"), 20_000, "{}", errors.text());
        assert!(status.success(), "{status}");
    });
}

#[test]
fn an_input_that_does_not_block_is_waited_for() {
    let (folder, stored) = something_to_print();
    let frames = fs::read(&stored).expect("frames");
    within(async {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        set_nonblocking(&reader);
        let (mut command, errors) = example("record_cat").stdin(reader).into_command();
        let mut child = command.spawn().expect("record_cat");
        drop(command);
        let mut talk = Talk::of(&mut child);
        let (first, second) = frames.split_at(frames.len() - 100);
        writer.write_all(first).expect("a reader");
        // It has read all bytes so far, and there are no more yet.
        assert!(talk.line().await.contains("n0 "));
        writer.write_all(second).expect("a reader that waits");
        drop(writer);
        let (status, rest) = tokio::join!(child.wait(), talk.rest());
        assert!(status.expect("a status").success(), "{}", errors.text());
        assert_eq!(rest.lines().count(), 4);
    });
    let _gone = (fs::remove_dir_all(&folder), fs::remove_file(&stored));
}

#[test]
fn frames_are_stored_as_they_come() {
    let stored = temporary("frames");
    let own = format!("--format none --tee {}", stored.display());
    let (mut command, _errors) = run_emit(&own, "--records 5 --end hang").into_command();
    within(async {
        let mut child = command.spawn().expect("run_child");
        let text = || fs::read(&stored).unwrap_or_default();
        while !text().windows(3).any(|part| part == b"n4 ") {
            thread::yield_now();
        }
        child.kill().await.expect("run_child");
    });
    let (_, said, _) = example("record_cat").arg(stored.display()).run_alone();
    let _gone = fs::remove_file(&stored);
    assert_eq!(said.lines().count(), 5);
}

/// A record that is printed has arrived.
#[test]
fn frames_are_stored_when_a_signal_ends_the_run() {
    let stored = temporary("frames");
    let own = format!("--format text --tee {}", stored.display());
    let (mut command, _errors) = run_emit(&own, "--records 5 --end hang").into_command();
    within(async {
        let mut child = command.spawn().expect("run_child");
        let mut talk = Talk::of(&mut child);
        for _ in 0..5 {
            talk.line().await;
        }
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        kill_process(pid.expect("a pid"), Signal::TERM).expect("run_child");
        child.wait().await.expect("a status");
    });
    let (_, said, _) = example("record_cat").arg(stored.display()).run_alone();
    let _gone = fs::remove_file(&stored);
    assert_eq!(said.lines().count(), 5);
}

/// As in a chroot.
#[test]
#[ignore = "hides /dev in a mount namespace: needs root"]
fn without_dev_null_run_child_works_or_says_what_is_missing() {
    let without_dev = |redirection: &str, arguments: &[&str]| {
        let script = format!("mount -t tmpfs none /dev; exec \"$@\" {redirection}");
        let start = ["-m", "sh", "-c", &script, "sh", &path("run_child")];
        let start = start.into_iter().fold(program("unshare"), Scenario::arg);
        let all = arguments.iter().fold(start, Scenario::arg);
        all.arg("--")
            .arg(path("emit"))
            .arg("--records=5")
            .run_alone()
    };
    for via in ["fd", "stdin"] {
        let (status, said, errors) = without_dev("", &["--format=json", "--via", via]);
        assert!(status.success(), "{via}: {errors}");
        assert_eq!(parsed(&said).1["received"], 5, "{via}");
        let (status, _, errors) = without_dev("<&-", &["--via", via]);
        assert_eq!(status.code(), Some(125), "{via}: {errors}");
        assert!(errors.contains("/dev/null"), "{via}: {errors}");
    }
}
