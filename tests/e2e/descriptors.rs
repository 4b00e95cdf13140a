//! No descriptor is left behind, given to another child, or changed.

use crate::support::{scenario, within};

/// The numbers that a scenario says.
fn numbers(name: &str, rounds: usize) -> Vec<usize> {
    let (status, said, _) = scenario(name).arg(rounds).run_alone();
    assert!(status.success(), "{status}");
    said.split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

#[test]
fn two_hundred_children_leave_no_descriptor_behind() {
    let [before, after, write_ends, unclean] = numbers("parent-200", 200)[..] else {
        panic!("four numbers");
    };
    assert_eq!(before, after);
    assert_eq!(write_ends, 0, "spawn keeps no write end");
    assert_eq!(unclean, 0, "and each child was clean");
}

#[test]
fn a_command_that_cannot_be_started_leaves_no_descriptor_behind() {
    let [before, after] = numbers("parent-fails", 50)[..] else {
        panic!("two numbers");
    };
    assert_eq!(before, after);
}

#[test]
fn children_that_are_started_at_once_do_not_have_each_others_pipe() {
    let [children, leaks] = numbers("parent-threads", 50)[..] else {
        panic!("two numbers");
    };
    assert_eq!(children, 100);
    assert_eq!(leaks, 0);
}

#[test]
fn the_pipes_flags_stay_as_they_were_and_no_later_child_inherits_it() {
    within(async {
        let mut running = scenario("flags").start();
        assert_eq!(
            running.talk.line().await,
            "same status true, given true, adopted true, after sharing true"
        );
        let outcome = running.finish().await;
        assert_eq!(
            outcome.summary.dropped, 100,
            "it was as full as it could be"
        );
        assert_eq!(outcome.summary.missing, 0);
    });
}

#[test]
fn a_child_whose_descriptor_is_closed_under_it_goes_on() {
    within(async {
        let mut running = scenario("bad-fd").start();
        assert_eq!(running.talk.line().await, "still here");
        let outcome = running.finish().await;
        assert!(outcome.status.success(), "{}", outcome.status);
        assert_eq!(outcome.messages(), ["before"]);
        assert_eq!(outcome.summary.end, pipe_subscriber::StreamEnd::Eof);
    });
}
