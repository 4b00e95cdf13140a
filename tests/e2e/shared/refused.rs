//! What stands in place of the buffer, and is no buffer that a handler may use: records go through the pipe.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::{FileExt, MetadataExt},
    },
};

use pipe_subscriber::PipeSubscriber;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tokio::net::unix::pipe::Receiver;

use crate::support::{Outcome, Running, address, scenario, temporary, within};

/// The number of what is offered.
const NUMBER: i32 = 150;

/// The bytes of a buffer of one ring.
const BYTES: u64 = 8192 + 32 * 1024;

const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// The words of a buffer's header: magic, layout, rings, ring bytes.
const HEADER: [u64; 4] = [0x0047_4e49_5243_4552, 1, 1, 32 * 1024];

fn memory(header: &[u64], bytes: u64, seals: SealFlags) -> File {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("records", flags).expect("memory"));
    file.set_len(bytes).expect("memory");
    let first_ticket = (32, &1);
    for (at, word) in (0..).zip(header).chain([first_ticket]) {
        if at * 8 < bytes {
            file.write_all_at(&word.to_ne_bytes(), at * 8)
                .expect("memory");
        }
    }
    fcntl_add_seals(&file, seals).expect("seals");
    file
}

/// Offers this file as a buffer of so many bytes. Returns the records of the pipe, and what has become of the number.
fn offer(file: &impl AsFd, bytes: u64) -> (Outcome, String) {
    let copy = file.as_fd().try_clone_to_owned().expect("a descriptor");
    let metadata = File::from(copy).metadata().expect("fstat");
    let parts = format!("{NUMBER}:{}:{}:{bytes}", metadata.dev(), metadata.ino());
    let copy = file.as_fd().try_clone_to_owned().expect("a descriptor");
    offer_as(&parts, Some(copy))
}

fn offer_as(parts: &str, file: Option<OwnedFd>) -> (Outcome, String) {
    let put_there = move || {
        if let Some(file) = &file {
            // SAFETY: nobody in the new process has the number.
            unsafe { libc::dup2(file.as_raw_fd(), NUMBER) };
        }
    };
    within(async {
        let (read_end, write_end) = io::pipe().expect("a pipe");
        let value = format!("{}:{parts}", address(0, &write_end));
        let child = scenario("offered").stdin(write_end).before(put_there);
        let (mut command, errors) = child.env("RECORD_PIPE", value).into_command();
        let child = command.spawn().expect("a child");
        drop(command);
        let receiver = Receiver::from_owned_fd(read_end.into()).expect("a pipe");
        let running = Running::new(child, PipeSubscriber::new(receiver), errors);
        let mut outcome = running.finish().await;
        let said = outcome.talk.rest().await;
        (outcome, said.trim_end().to_owned())
    })
}

/// Asserts that everything came through the pipe, and that the descriptor is what it should be.
#[track_caller]
fn assert_refused(which: &str, (outcome, fd): (Outcome, String), expected: &str) {
    outcome.assert_complete();
    assert_eq!(
        outcome.messages(),
        ["n0", "n1", "n2", "n3", "n4"],
        "{which}"
    );
    assert_eq!(fd, expected, "{which}");
}

/// The others would say nothing if no memory of these tests were used.
#[test]
fn a_buffer_of_these_tests_is_used() {
    let (outcome, fd) = offer(&memory(&HEADER, BYTES, SEALS), BYTES);
    assert!(outcome.status.success(), "{}", outcome.status);
    assert_eq!(outcome.messages(), [""; 0]);
    assert_eq!(fd, "changed");
}

#[test]
fn memory_that_could_be_shortened_or_sealed_is_closed_unused() {
    let shrink = SealFlags::SHRINK;
    for seals in [SealFlags::empty(), shrink, shrink | SealFlags::GROW] {
        let offered = offer(&memory(&HEADER, BYTES, seals), BYTES);
        assert_refused(&format!("{seals:?}"), offered, "closed");
    }
}

#[test]
fn memory_that_cannot_be_written_is_closed_unused() {
    for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
        let offered = offer(&memory(&HEADER, BYTES, SEALS | seal), BYTES);
        assert_refused(&format!("{seal:?}"), offered, "closed");
    }
    let memory = memory(&HEADER, BYTES, SEALS);
    let read_only = File::open(format!("/proc/self/fd/{}", memory.as_raw_fd()));
    assert_refused(
        "read-only",
        offer(&read_only.expect("memory"), BYTES),
        "closed",
    );
}

#[test]
fn memory_of_another_layout_or_size_is_closed_unused() {
    let [magic, layout, rings, ring] = HEADER;
    let headers = [
        [0; 4],
        [magic.swap_bytes(), layout, rings, ring],
        [magic, 2, rings, ring],
        [magic, layout, 2, ring],
        [magic, layout, 0, ring],
        [magic, layout, u64::MAX, ring],
        [magic, layout, rings, u64::MAX],
        [magic, layout, rings, 16 * 1024],
    ];
    for header in headers {
        let offered = offer(&memory(&header, BYTES, SEALS), BYTES);
        assert_refused(&format!("{header:?}"), offered, "closed");
    }
    for bytes in [0, 8, 4096, BYTES - 4096, BYTES + 4096, BYTES - 1] {
        let offered = offer(&memory(&HEADER, bytes, SEALS), bytes);
        assert_refused(&format!("{bytes}"), offered, "closed");
    }
}

#[test]
fn what_is_no_memory_or_another_one_is_left_alone() {
    let good = memory(&HEADER, BYTES, SEALS);
    for bytes in [0, 1, BYTES - 1, BYTES + 1, 2 * BYTES, u64::MAX] {
        assert_refused(&format!("{bytes}"), offer(&good, bytes), "as it was");
    }
    let other = memory(&HEADER, BYTES, SEALS).metadata().expect("fstat");
    let parts = format!("{NUMBER}:{}:{}:{BYTES}", other.dev(), other.ino());
    assert_refused("another", offer_as(&parts, Some(good.into())), "as it was");

    let path = temporary("no-buffer");
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path);
    let file = file.expect("a file");
    file.set_len(BYTES).expect("a file");
    for (at, word) in (0..).zip(HEADER) {
        file.write_all_at(&word.to_ne_bytes(), at * 8)
            .expect("a file");
    }
    let before = std::fs::read(&path).expect("a file");
    assert_refused("a file", offer(&file, BYTES), "as it was");
    assert!(before == std::fs::read(&path).expect("a file"));
    std::fs::remove_file(path).expect("a file");

    let open = |path| options_of_a_device().open(path).expect("a device");
    assert_refused("zero", offer(&open("/dev/zero"), BYTES), "as it was");
    assert_refused("null", offer(&open("/dev/null"), 0), "as it was");
    assert_refused(
        "a folder",
        offer(&File::open("/").expect("a folder"), BYTES),
        "as it was",
    );
    let (reader, writer) = io::pipe().expect("a pipe");
    assert_refused("a pipe", offer(&writer, BYTES), "as it was");
    assert_refused("its reader", offer(&reader, 0), "as it was");
    let (socket, _other) = std::os::unix::net::UnixStream::pair().expect("sockets");
    assert_refused("a socket", offer(&socket, 0), "as it was");
}

fn options_of_a_device() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
}

#[test]
fn a_number_that_is_closed_or_none_costs_no_record() {
    for parts in [
        format!("{NUMBER}:1:2:{BYTES}"),
        format!("-1:1:2:{BYTES}"),
        format!("99999999999:1:2:{BYTES}"),
        format!("{NUMBER}:1:2"),
        format!("{NUMBER}:1:2:x"),
        "later:parts".to_owned(),
        String::new(),
    ] {
        assert_refused(&parts, offer_as(&parts, None), "closed");
    }
}
