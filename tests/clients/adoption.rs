//! Which pipe a client takes, which files it leaves alone, and which records it sends.

use std::{
    fs::{self, File},
    io::{PipeReader, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use pipe_subscriber::{LogRecord, StreamEnd, Via};
use rustix::{fs::OFlags, io::ioctl_fionread};

use crate::{
    language::Language,
    support::{address, temporary, within},
};

/// The scenarios that need neither a stdin nor an end from outside.
const SHORT: [&str; 7] = [
    "hello",
    "types",
    "error",
    "nasty",
    "unicode",
    "big 200000",
    "flood 4 100",
];

pub(crate) fn no_variable(language: &Language) {
    for scenario in SHORT {
        let (status, out, errors) = language.child(scenario).run_alone();
        assert!(status.success(), "{scenario}: {status}: {errors}");
        assert_eq!(out, "", "{scenario}");
    }
}

/// The variable names no pipe of this process.
pub(crate) fn stale_variables(language: &Language) {
    let variables = [
        "",
        "v1:",
        "v1:100:1",
        "v1:100:1:1",
        "v1:x:y:z",
        "v1:-1:1:1",
        "v1: 0:1:1",
        "v1:99999999999999999999:1:1",
        "v1:0:99999999999999999999:1",
        "v2:0:1:1",
        "nonsense",
        "v1:1:1:1",
        "v1:0:1:1",
    ];
    let (_, _, alone) = language.child("hello").run_alone();
    for variable in variables {
        let child = language.child("hello").env("RECORD_PIPE", variable);
        let (status, out, errors) = child.run_alone();
        assert!(status.success(), "{variable:?}: {status}: {errors}");
        assert_eq!(out, "", "{variable:?}");
        assert_as_alone(&errors, &alone, variable);
    }
    for scenario in SHORT {
        let child = language.child(scenario).env("RECORD_PIPE", "v1:0:1:1");
        let (status, _, errors) = child.run_alone();
        assert!(status.success(), "{scenario}: {status}: {errors}");
    }
}

/// Asserts that a child without a pipe of its own logs as without a variable. The lines may have times.
#[track_caller]
fn assert_as_alone(errors: &str, alone: &str, what: &str) {
    let lines = |text: &str| text.lines().count();
    assert_eq!(lines(errors), lines(alone), "{what}: {errors}");
    let hello = |text: &str| text.contains("hello from");
    assert_eq!(hello(errors), hello(alone), "{what}: {errors}");
}

/// The descriptor is another file, with the device and inode that the variable has, or a pipe open for reading only.
pub(crate) fn files_and_read_ends(language: &Language) {
    let (_, _, alone) = language.child("hello").run_alone();
    let hello = |variable: String, stdin: OwnedFd| {
        let child = language.child("hello").env("RECORD_PIPE", variable);
        let (status, out, errors) = child.stdin(stdin).run_alone();
        assert!(status.success(), "{status}: {errors}");
        assert_eq!(out, "");
        assert_as_alone(&errors, &alone, "not the pipe");
    };
    let path = temporary("file");
    let file = File::create(&path).expect("a file");
    hello(address(0, &file), file.into());
    assert_eq!(fs::read(&path).expect("a file"), b"");
    fs::remove_file(&path).expect("a file");

    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    let kept = read_end.try_clone().expect("a descriptor");
    hello(address(0, &read_end), read_end.into());
    drop(write_end);
    assert_eq!(rest(kept), b"");

    // The pipe, but another version.
    let (pipe, write_end) = std::io::pipe().expect("a pipe");
    hello(address(0, &write_end).replace("v1", "v2"), write_end.into());
    assert_eq!(ioctl_fionread(&pipe).expect("FIONREAD"), 0);

    // A pipe, and the numbers of another one.
    let (other, _other_write_end) = std::io::pipe().expect("a pipe");
    let (pipe, write_end) = std::io::pipe().expect("a pipe");
    hello(address(0, &other), write_end.into());
    assert_eq!(ioctl_fionread(&pipe).expect("FIONREAD"), 0);
}

fn rest(mut pipe: PipeReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("a pipe");
    bytes
}

/// The pipe may be the standard input.
pub(crate) fn standard_input(language: &Language) {
    let outcome = within(async {
        let running = language
            .child("hello")
            .start_as(|spawn| spawn.via(Via::Stdin).filter("trace"));
        running.finish().await
    });
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 1);

    // The next file that the program opens must not become its standard input.
    within(async {
        let child = language.child("ack");
        let mut running = child.start_as(|spawn| spawn.via(Via::Stdin).filter("trace"));
        assert_eq!(running.talk.line().await, "0");
        let stdin = fs::read_link(format!("/proc/{}/fd/0", running.pid)).expect("a stdin");
        assert_eq!(stdin, Path::new("/dev/null"));
        running.child.kill().await.expect("a child");
    });
}

/// No program that the child starts inherits the pipe, under whichever numbers the child holds it, or the buffer, which
/// the clients do not use.
pub(crate) fn close_on_exec(language: &Language) {
    within(async {
        let mut running = language.child("survive 1").start();
        assert_eq!(running.talk.line().await, "ready");
        let process = PathBuf::from(format!("/proc/{}", running.pid));
        let environment = fs::read_to_string(process.join("environ")).expect("an environment");
        let mut variables = environment.split('\0');
        let variable = variables.find_map(|variable| variable.strip_prefix("RECORD_PIPE="));
        let inode = variable.and_then(|variable| variable.split(':').nth(3));
        let pipe = PathBuf::from(format!("pipe:[{}]", inode.expect("v1")));
        let mut numbers = 0;
        for entry in fs::read_dir(process.join("fd")).expect("descriptors") {
            let entry = entry.expect("a descriptor");
            let file = fs::read_link(entry.path()).unwrap_or_default();
            let is_buffer = file.to_string_lossy().starts_with("/memfd:records");
            assert!(
                !is_buffer,
                "{entry:?}: a buffer that the child does not use"
            );
            if file == pipe {
                let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
                let info = info.expect("an info");
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
                let flags = u32::from_str_radix(flags.expect("flags").trim(), 8).expect("octal");
                assert!(flags & OFlags::CLOEXEC.bits() != 0, "{entry:?}: {info}");
                numbers += 1;
            }
        }
        assert!(numbers > 0, "the child does not hold its pipe");
        running.talk.go().await;
        running.finish().await.assert_complete();
    });
}

/// The records of a scenario with this filter.
fn sent(language: &Language, filter: &str, scenario: &str) -> Vec<LogRecord<'static>> {
    let child = language.child(scenario);
    let outcome = within(async { child.start_as(|spawn| spawn.filter(filter)).finish().await });
    outcome.assert_complete();
    outcome.records
}

pub(crate) fn filters(language: &Language) {
    let sent = |filter: &str, scenario: &str| sent(language, filter, scenario);
    assert_eq!(sent("warn", "hello"), []);
    assert_eq!(sent("off", "types"), []);
    assert_eq!(sent("warn,clients.hello=info", "hello").len(), 1);
    assert_eq!(sent("info,clients.hello=warn", "hello"), []);
    // The longest beginning decides, of two for one target the later one, and a target without one is off.
    assert_eq!(
        sent("clients.=info,clients.hello=warn,clients=info", "hello"),
        []
    );
    assert_eq!(
        sent(
            "clients.hello=warn,clients.h=off,clients.hello=info",
            "hello"
        )
        .len(),
        1
    );
    assert_eq!(sent("clients.hello.more=info", "hello"), []);
    assert_eq!(sent(" warn , clients.hello=INFO ", "hello").len(), 1);
    let severe = sent("warn", "types");
    let of = |level| severe.iter().filter(|record| record.level == level).count();
    assert!(of(log::Level::Error) >= 1 && of(log::Level::Warn) >= 1);
    assert!(severe.iter().all(|record| record.level <= log::Level::Warn));
}

/// A filter that cannot be read means info, and one record reports it.
pub(crate) fn mistyped_filter(language: &Language) {
    let records = sent(language, "clients=inof", "types");
    let (report, others): (Vec<_>, Vec<_>) = records
        .iter()
        .partition(|record| record.message.contains("RECORD_PIPE_FILTER"));
    assert_eq!(report.len(), 1, "{records:?}");
    assert!(report[0].level <= log::Level::Warn, "{report:?}");
    assert!(others.iter().all(|record| record.level <= log::Level::Info));
    assert!(others.iter().any(|record| record.level == log::Level::Info));
}

/// Records of both processes arrive, and both close.
pub(crate) fn fork(language: &Language) {
    let outcome = language.child("fork").run();
    outcome.assert_complete();
    let by = |message: &str| {
        let mut records = outcome.records.iter();
        let found = records.find(|record| record.message == message);
        found.unwrap_or_else(|| panic!("no {message:?} in {:?}", outcome.messages()))
    };
    let (parent, child, again) = (by("parent"), by("child"), by("parent again"));
    assert_eq!(outcome.records.len(), 3, "{:?}", outcome.messages());
    assert_eq!(
        (parent.pid, again.pid),
        (Some(outcome.pid), Some(outcome.pid))
    );
    assert!(child.pid.is_some() && child.pid != parent.pid);
    assert_ne!(child.instance, parent.instance);
    assert_eq!((parent.seq, child.seq, again.seq), (1, 1, 2));
    assert_eq!(outcome.summary.end, StreamEnd::Clean);
}
