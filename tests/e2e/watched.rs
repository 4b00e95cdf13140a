//! The reader sees the child's exit and ends, whatever the system refuses and in whatever process it reads.

use crate::support::scenario;

/// Asserts what the parent prints about two children whose pipes are held open: their ends, and that the first was not
/// taken for dead while it lived.
fn said(errno: &str, calls: &str, how: &str) -> String {
    let parent = scenario("parent-refused").arg(errno).arg(calls).arg(how);
    let (status, said, errors) = parent.run_alone();
    assert!(
        status.success(),
        "{errno} {calls} {how}: {status}: {errors}"
    );
    said
}

const SEEN: &str = "held-open held-open one,two\n";

const REFUSALS: [(&str, &str); 8] = [
    ("EPERM", "pidfd_open"),
    ("ENOSYS", "pidfd_open"),
    ("EMFILE", "pidfd_open"),
    ("EPERM", "timerfd_create"),
    ("ENOSYS", "timerfd_settime"),
    ("EPERM", "pidfd_open,timerfd_create"),
    ("EPERM", "pidfd_open,waitid"),
    // `spawn` asks for the limit of descriptors when it chooses the number of the pipe.
    ("EPERM", "prlimit64"),
];

#[test]
fn a_system_that_refuses_to_watch_a_child_does_not_hold_the_parent() {
    for (errno, calls) in REFUSALS {
        assert_eq!(said(errno, calls, ""), SEEN, "{errno} {calls}");
    }
}

#[test]
fn a_child_whose_main_thread_has_ended_is_not_taken_for_dead() {
    for (errno, calls) in REFUSALS {
        assert_eq!(said(errno, calls, "headless"), SEEN, "{errno} {calls}");
    }
}

#[test]
fn a_reader_in_a_forked_process_sees_the_exit_of_what_is_no_child_of_its_own() {
    for (errno, calls) in [("EPERM", "")].into_iter().chain(REFUSALS) {
        for how in ["forked", "forked,headless"] {
            assert_eq!(said(errno, calls, how), SEEN, "{errno} {calls} {how}");
        }
    }
}

#[test]
fn without_a_timer_and_without_a_thread_instead_the_spawn_fails() {
    let (status, said, errors) = scenario("parent-threadless").run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(said, "WouldBlock 0\n");
}

#[test]
fn a_thread_that_stands_in_for_a_timer_takes_none_of_the_programs_signals() {
    let (status, said, errors) = scenario("parent-sigwait").run_alone();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(said, "15\n");
}
