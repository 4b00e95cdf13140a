//! Each planted fault of a writer is found, by its rule and at its offset.

use crate::kit::{FAULTY_WRITER, run_child};

/// The offset of a finding.
enum At {
    /// Where the writer says that the fault is.
    Planted,
    /// Where nothing of the stream is wrong: the bytes that were written before.
    Offset(u64),
}

use At::{Offset, Planted};

/// The buffer that the writer is offered.
const BUFFER: [&str; 2] = ["--buffer", "32768"];

/// The length of the writer's hello.
const HELLO: u64 = 46;
/// The length of the file that is no pipe.
const FILE: u64 = 11;

#[track_caller]
fn assert_found(fault: &str, scenario: &str, rule: &str, at: At) {
    assert_found_with(&[], fault, scenario, rule, at);
}

#[track_caller]
fn assert_found_with(options: &[&str], fault: &str, scenario: &str, rule: &str, at: At) {
    let check = format!("--check={scenario}");
    let options = [&[&check, "--check-seconds", "2"], options].concat();
    let output = run_child(&options, &[FAULTY_WRITER, fault]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{fault}: {report}");
    let place = match at {
        Offset(offset) => format!("offset {offset}"),
        Planted => {
            let planted = report
                .lines()
                .find_map(|line| line.strip_prefix("  | planted "));
            planted
                .unwrap_or_else(|| panic!("{fault}: {report}"))
                .to_owned()
        }
    };
    let finding = format!("  {place}: {rule}: ");
    let found = report.lines().any(|line| line.starts_with(&finding));
    assert!(found, "{fault}: expected {finding:?} in\n{report}");
}

/// Faults of the stream: the usual scenario finds them.
#[test]
fn faults_of_writes_are_found() {
    assert_found("two-writes", "usual", "one-write", Planted);
    assert_found("long-write", "usual", "pipe-buf", Planted);
    assert_found("newline", "usual", "garbage", Planted);
    assert_found("text", "usual", "length", Planted);
    assert_found("too-long-length", "usual", "length", Planted);
    assert_found("reopens", "full", "one-write", Planted);
}

#[test]
fn faults_of_payloads_are_found() {
    for (fault, rule) in [
        ("time-float", "time"),
        ("time-millis", "time"),
        ("level-0", "level"),
        ("target-bin", "type"),
        ("extension", "extension"),
        ("four-fields", "field-count"),
        ("more-fields", "field-count"),
        ("nil-message", "required"),
        ("key-values-array", "key-values"),
        ("integer-key", "key-values"),
        ("surrogate", "utf-8"),
        ("nine-deep", "depth"),
        ("instance-text", "type"),
        ("line-64-bits", "range"),
        ("cut-short", "messagepack"),
        ("many-values", "values"),
        ("extra-byte", "one-array"),
        ("unknown-kind", "kind"),
        ("original-length", "original-length"),
        ("error-key", "error-key"),
        ("version-2", "version"),
    ] {
        assert_found(fault, "usual", rule, Planted);
    }
}

#[test]
fn faults_of_fragments_are_found() {
    assert_found("fragment-left-out", "usual", "fragment-order", Planted);
    assert_found(
        "fragment-begun-again",
        "usual",
        "fragment-complete",
        Planted,
    );
    assert_found("fragments-too-long", "usual", "fragment-length", Planted);
    assert_found("fragments-of-hello", "usual", "fragment-kind", Planted);
    assert_found(
        "fragment-without-last",
        "usual",
        "fragment-complete",
        Planted,
    );
}

#[test]
fn faults_of_processes_and_their_numbers_are_found() {
    for (fault, rule) in [
        ("no-hello", "hello"),
        ("late-hello", "hello"),
        ("two-hellos", "hello-once"),
        ("parents-pid", "pid"),
        ("seq-twice", "seq-twice"),
        ("seq-back", "seq-back"),
        ("seq-left-out", "seq-gap"),
        ("no-close", "close"),
        ("one-more-sent", "close-totals"),
        ("one-fewer-sent", "close-totals"),
        ("forgets-dropped", "close-totals"),
        ("more-by-level", "close-totals"),
        ("held-back-text", "type"),
        ("record-after-close", "after-close"),
        ("keeps-instance", "instance"),
        ("drops-instance", "instance"),
        ("keeps-session", "seq-twice"),
    ] {
        assert_found(fault, "usual", rule, Planted);
    }
}

#[test]
fn faults_of_adoption_are_found() {
    assert_found("needs-variable", "no-variable", "exit", Offset(0));
    assert_found("trusts-number", "stale", "exit", Offset(0));
    assert_found("no-fifo-check", "file", "not-the-pipe", Offset(FILE));
    assert_found("no-inode-check", "other-pipe", "not-the-pipe", Offset(0));
    assert_found("no-mode-check", "read-end", "exit", Offset(0));
    assert_found("refuses-0", "descriptor-0", "adopt", Offset(0));
    assert_found("closes-0", "descriptor-0", "descriptor-0", Planted);
}

#[test]
fn faults_of_descriptors_are_found() {
    assert_found("inherits", "usual", "close-on-exec", Planted);
    assert_found("inherits", "launcher", "close-on-exec", Planted);
    assert_found("non-blocking", "usual", "blocking", Planted);
    assert_found("dies-when-full", "full", "exit", Offset(0));
}

#[test]
fn faults_of_a_dead_reader_are_found() {
    assert_found("dies-of-sigpipe", "no-reader", "sigpipe", Offset(0));
    assert_found("dies-of-sigpipe", "reader-gone", "sigpipe", Offset(HELLO));
    assert_found("fails-without-reader", "reader-gone", "exit", Offset(HELLO));
    assert_found("retries-without-reader", "no-reader", "hang", Offset(0));
}

#[test]
fn faults_of_a_death_are_found() {
    assert_found("two-writes", "kill", "whole-frames", Offset(HELLO));
    assert_found("two-writes", "descriptor-0", "one-write", Offset(0));
}

/// The sleeper would outlive the test: the kit ends it.
#[test]
fn a_process_that_was_given_the_pipe_is_found() {
    let output = run_child(&["--check=usual"], &[FAULTY_WRITER, "hands-on"]);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains(": close-on-exec: process "), "{report}");
    assert!(report.contains("(sleep)"), "{report}");
}

#[test]
fn faults_in_a_shared_buffer_are_found() {
    for (fault, rule) in [
        ("no-claimed-bit", "claim"),
        ("owner-plain", "claim"),
        ("owner-other", "claim"),
        ("head-unaligned", "head"),
        ("head-back", "head"),
        ("head-too-far", "head"),
        ("passes-head", "entry"),
        ("passes-end", "entry"),
        ("long-entry", "entry"),
        ("jump-at-start", "jump"),
        ("jump-without-entry", "jump"),
        ("ticket-not-drawn", "order"),
        ("ticket-twice", "order"),
        ("ticket-senseless", "order"),
        ("no-ticket", "order"),
        ("record-in-pipe", "one-way"),
        ("no-bell", "bell"),
        ("moves-tail", "words"),
        ("unnamed-word", "words"),
        ("no-release", "release"),
        ("entry-after-release", "release"),
        ("ignores-buffer", "buffer"),
        ("inherits-buffer", "close-on-exec"),
    ] {
        assert_found_with(&BUFFER, fault, "usual", rule, Planted);
    }
    assert_found_with(&BUFFER, "uses-unsealed", "unsealed", "buffer", Planted);
}

#[test]
fn faults_of_frames_are_found_in_a_shared_buffer_too() {
    for (fault, rule) in [
        ("no-hello", "hello"),
        ("late-hello", "hello"),
        ("two-hellos", "hello-once"),
        ("level-0", "level"),
        ("surrogate", "utf-8"),
        ("fragment-left-out", "fragment-order"),
        ("seq-twice", "seq-twice"),
        ("seq-back", "seq-back"),
        ("seq-left-out", "seq-gap"),
        ("one-more-sent", "close-totals"),
        ("parents-pid", "pid"),
    ] {
        assert_found_with(&BUFFER, fault, "usual", rule, Planted);
    }
}
