//! What the system refuses of a buffer costs no record: they come through the pipe, or through what could be had.

use crate::support::{Outcome, scenario, within};

const BUFFER: usize = 64 * 1024 * 1024;

/// Runs a child that logs from two threads, to whom something is refused.
fn child(how: &str, errno: &str, since: &str, records: usize, size: usize) -> Outcome {
    let args = [how, errno, since].into_iter();
    let child = args.fold(scenario("limited"), |child, arg| child.arg(arg));
    let child = child.arg(records).arg(size);
    within(async {
        let running = child.start_as(|spawn| spawn.filter("trace").buffer(BUFFER));
        running.finish().await
    })
}

#[track_caller]
fn assert_complete(which: &str, outcome: &Outcome, records: usize) {
    outcome.assert_complete();
    assert_eq!(outcome.records.len(), 1 + 2 * records, "{which}");
}

/// Whether the summary says that the child used the pipe only.
fn says_unused(outcome: &Outcome) -> bool {
    let mut reasons = outcome.summary.reasons.iter();
    reasons.any(|reason| reason.contains("the shared buffer was not used"))
}

#[test]
fn a_child_to_whom_the_buffer_is_refused_logs_into_the_pipe() {
    for (how, errno) in [
        ("as", ""),
        ("mlockall", ""),
        ("mmap-shared", "EPERM"),
        ("mmap-shared", "ENOMEM"),
        ("get-seals", "EPERM"),
        ("get-seals", "EINVAL"),
        ("populate", "EINVAL"),
        ("populate", "EPERM"),
        ("populate", "ENOSYS"),
    ] {
        let outcome = child(how, errno, "start", 3, 100);
        assert_complete(&format!("{how} {errno}"), &outcome, 3);
        assert!(says_unused(&outcome), "{how} {errno}");
    }
}

#[test]
fn limits_that_do_not_concern_a_child_cost_it_nothing() {
    for (how, errno) in [
        ("fsize", ""),
        ("membarrier", "EPERM"),
        ("membarrier", "ENOSYS"),
        ("memfd_create", "EPERM"),
    ] {
        for since in ["start", "later"] {
            let outcome = child(how, errno, since, 3, 100);
            assert_complete(&format!("{how} {errno} {since}"), &outcome, 3);
            assert!(!says_unused(&outcome), "{how} {errno} {since}");
        }
    }
}

/// The rings keep the pages that they have, and the second thread gets none.
#[test]
fn pages_that_are_refused_later_cost_no_record_of_any_length() {
    for how in ["populate", "populate,membarrier", "as", "mlockall"] {
        for (records, size) in [(3, 100), (2_000, 1_000), (100, 4_000), (40, 40 * 1024)] {
            let outcome = child(how, "ENOMEM", "later", records, size);
            assert_complete(&format!("{how} {size}"), &outcome, records);
        }
    }
}

#[test]
fn a_wait_for_room_ends_without_futexes_and_without_descriptors() {
    let outcome = child("futex-wait", "EPERM", "later", 3_000, 1_000);
    assert_complete("futex-wait", &outcome, 3_000);
    let outcome = child("nofile", "", "later", 3_000, 1_000);
    assert_complete("nofile", &outcome, 3_000);
}

fn parent(how: &str, errno: &str) -> (String, String) {
    let (status, said, errors) = scenario("parent-limited").arg(how).arg(errno).run_alone();
    assert!(status.success(), "{how} {errno}: {status}: {errors}");
    let (counts, reasons) = said.split_once('\n').expect("two lines");
    (counts.to_owned(), reasons.trim_end().to_owned())
}

#[test]
fn a_parent_to_whom_a_buffer_is_refused_has_a_pipe_and_says_why() {
    for (how, errno) in [
        ("fsize", ""),
        ("as", ""),
        ("mlockall", ""),
        ("memfd_create", "EPERM"),
        ("memfd_create", "ENOSYS"),
        ("memfd_create", "EACCES"),
        ("memfd_create", "EMFILE"),
        ("ftruncate", "EPERM"),
        ("add-seals", "EPERM"),
        ("add-seals", "EINVAL"),
        ("mmap-shared", "EPERM"),
        ("mmap-shared", "ENOMEM"),
        ("populate", "EINVAL"),
        ("populate", "ENOMEM"),
    ] {
        let (counts, reasons) = parent(how, errno);
        assert_eq!(counts, "5 true", "{how} {errno}: {reasons}");
        let said = "there is no shared buffer, only the pipe: ";
        assert!(reasons.starts_with(said), "{how} {errno}: {reasons}");
    }
}

#[test]
fn a_parent_with_no_limit_has_a_buffer_and_no_reasons() {
    assert_eq!(parent("none", ""), ("5 true".into(), String::new()));
    // Only the child notices.
    assert_eq!(parent("membarrier", "EPERM").0, "5 true");
}

#[test]
fn a_buffer_takes_no_descriptor_that_a_spawn_needs() {
    let (status, said, errors) = scenario("parent-few-descriptors").run_alone();
    assert!(status.success(), "{status}: {errors}");
    for line in said.lines() {
        let (_, received) = line.split_once(": ").expect("a line");
        assert!(["0 0", "5 5"].contains(&received), "{said}");
    }
    assert!(said.contains(": 5 5"), "{said}");
}
