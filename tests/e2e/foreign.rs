//! Any other value of `RECORD_PIPE`, and any other file as the descriptor, is refused with its reason and not written
//! to.
//!
//! See `adoption` for files, other pipes and closed descriptors.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStringExt, net::UnixStream},
    },
};

use rustix::{
    fs::{Mode, OFlags},
    time::{TimerfdClockId, TimerfdFlags, timerfd_create},
};

use crate::support::{Scenario, address, assert_fallback, scenario};

/// `init` fails for this reason, and `init_or` takes the fallback and reports the same reason.
#[track_caller]
fn assert_refused(start: impl Fn(Scenario) -> Scenario, reason: &str) {
    let (status, _, errors) = start(scenario("init")).run_alone();
    assert!(status.success(), "{status}");
    assert_eq!(errors.trim_end(), format!("init: Err({reason})"));
    let (status, _, errors) = start(scenario("init-or")).run_alone();
    assert!(status.success(), "{status}");
    assert_fallback(&errors, reason);
}

#[track_caller]
fn assert_value_refused(value: impl AsRef<OsStr>, reason: &str) {
    assert_refused(|scenario| scenario.env("RECORD_PIPE", &value), reason);
}

/// With the right device and inode, as standard input and as standard output.
#[track_caller]
fn assert_descriptor_refused(fd: &impl AsFd) {
    for number in [0, 1] {
        let start = |scenario: Scenario| {
            let own: OwnedFd = fd.as_fd().try_clone_to_owned().expect("a descriptor");
            let scenario = scenario.env("RECORD_PIPE", address(number, &own));
            match number {
                0 => scenario.stdin(own),
                _ => scenario.stdout(own),
            }
        };
        assert_refused(start, &format!("Foreign {{ fd: {number} }}"));
    }
}

#[test]
fn numbers_that_no_descriptor_has_are_stale() {
    // Above every limit, and the greatest number.
    for fd in ["900", "1048577", "2147483647"] {
        let value = format!("v1:{fd}:1:2");
        assert_value_refused(value, &format!("Stale {{ fd: {fd} }}"));
    }
}

#[test]
fn numbers_that_are_none_are_malformed() {
    for value in [
        "v1:-1:1:2",
        "v1:-2147483648:1:2",
        "v1:2147483648:1:2",
        "v1:99999999999999999999999:1:2",
        "v1:1:18446744073709551616:2",
        "v1:1:2:-2",
        "v1:0x1:1:2",
        "v1: 1:1:2",
        "v1::::",
        "v-1:1:1:2",
        "v1:1:1.5:2",
        "\u{feff}v1:1:1:2",
    ] {
        assert_value_refused(value, "Malformed");
    }
    assert_value_refused(OsString::from_vec(b"v1:\xff:1:2".to_vec()), "Malformed");
    assert_value_refused("v1:".repeat(10_000), "Malformed");
    assert_value_refused("", "Absent");
}

#[test]
fn what_is_no_pipe_to_write_is_foreign_even_under_its_own_numbers() {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC);
    assert_descriptor_refused(&timer.expect("a timer"));
    for path in ["/dev/null", "/dev/full", "/proc/self/status", "/tmp"] {
        assert_descriptor_refused(&File::open(path).expect(path));
    }
    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    assert_descriptor_refused(&read_end);
    // It refers to the pipe but is not open for I/O.
    let path = format!(
        "/proc/self/fd/{}",
        std::os::fd::AsRawFd::as_raw_fd(&write_end)
    );
    let named = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    assert_descriptor_refused(&named.expect("a descriptor"));
}

#[test]
fn a_terminal_is_foreign() {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open("/dev/ptmx", flags, Mode::empty()) {
        Ok(terminal) => assert_descriptor_refused(&terminal),
        Err(error) => eprintln!("no terminal to try: {error}"),
    }
}

#[test]
fn not_a_byte_is_written_into_a_socket() {
    let (mut other, socket) = UnixStream::pair().expect("a socket");
    assert_descriptor_refused(&socket);
    drop(socket);
    let mut written = Vec::new();
    other.read_to_end(&mut written).expect("a socket");
    assert_eq!(written, b"");
}

#[test]
fn not_a_byte_is_written_into_a_pipe_that_is_not_the_one() {
    let (_other_read_end, other) = std::io::pipe().expect("a pipe");
    let (mut read_end, write_end) = std::io::pipe().expect("a pipe");
    for number in [0, 1] {
        let start = |scenario: Scenario| {
            let own = write_end.try_clone().expect("a descriptor");
            let scenario = scenario.env("RECORD_PIPE", address(number, &other));
            match number {
                0 => scenario.stdin(own),
                _ => scenario.stdout(own),
            }
        };
        assert_refused(start, &format!("Stale {{ fd: {number} }}"));
    }
    drop(write_end);
    let mut written = Vec::new();
    read_end.read_to_end(&mut written).expect("a pipe");
    assert_eq!(written, b"");
}
