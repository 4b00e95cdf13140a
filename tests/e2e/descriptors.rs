//! No descriptor is left open, inherited by another child, or changed.

use std::{
    io::{PipeReader, Read},
    thread,
    time::Duration,
};

use log::{Log, Record};
use pipe_handler::{Overflow, PipeHandler};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::support::{scenario, within};

/// Returns the numbers that a scenario prints.
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
fn other_children_that_are_started_meanwhile_have_no_record_pipe() {
    let [foreign, pipes, leaks] = numbers("parent-foreign", 300)[..] else {
        panic!("three numbers");
    };
    assert_eq!(foreign, 300);
    assert!(pipes > 0, "there were record pipes to have");
    assert_eq!(leaks, 0);
}

/// The test keeps the open file that the handler writes to, as a parent may.
#[test]
fn no_policy_changes_a_flag_of_a_description_that_is_shared() {
    let brief = Overflow::BlockFor(Duration::from_millis(1));
    for overflow in [Overflow::Block, brief, Overflow::DropNewest] {
        for given in [OFlags::empty(), OFlags::NONBLOCK] {
            let (read_end, write_end) = std::io::pipe().expect("a pipe");
            let flags = fcntl_getfl(&write_end).expect("F_GETFL") | given;
            fcntl_setfl(&write_end, flags).expect("F_SETFL");
            let unchanged = |when: &str| {
                let which = format!("{overflow:?}, {given:?}, {when}");
                assert_eq!(fcntl_getfl(&write_end).expect("F_GETFL"), flags, "{which}");
            };
            let builder = PipeHandler::builder().panic_hook(false).overflow(overflow);
            let own = write_end.try_clone().expect("a descriptor");
            let handler = builder.build_on(own).expect("a handler");
            unchanged("made");
            use_up(&handler, overflow, read_end, unchanged);
            unchanged("dropped");
        }
    }
}

/// Logs more than the pipe holds, with a reader that begins late.
fn use_up(
    handler: &PipeHandler,
    overflow: Overflow,
    mut read_end: PipeReader,
    check: impl Fn(&str),
) {
    let log = |n| handler.log(&Record::builder().args(format_args!("n{n:01000}")).build());
    if overflow != Overflow::Block {
        let mut n = 0;
        while handler.counts().dropped < 3 {
            log(n);
            n += 1;
        }
        check("full");
    }
    let waiting = |pipe: &PipeReader| rustix::io::ioctl_fionread(pipe).expect("FIONREAD") > 0;
    thread::scope(|scope| {
        let logging = scope.spawn(|| (0..200).for_each(log));
        while !logging.is_finished() || waiting(&read_end) {
            if waiting(&read_end) {
                assert!(read_end.read(&mut [0; 4096]).expect("a pipe") > 0);
            }
            thread::yield_now();
        }
    });
    check("used");
}

#[test]
fn the_pipes_flags_stay_as_they_were_and_no_later_child_inherits_it() {
    for delivery in ["direct", "shared"] {
        within(async {
            let mut running = scenario("flags").env("E2E_DELIVERY", delivery).start();
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
}

#[test]
fn a_file_that_got_the_number_of_a_shared_pipe_keeps_its_flags() {
    within(async {
        let mut running = scenario("share-closed").start();
        assert_eq!(
            running.talk.line().await,
            "exit status: 0, still inherited true"
        );
        running.finish().await;
    });
}

#[test]
fn a_child_whose_descriptor_is_closed_under_it_goes_on() {
    within(async {
        let mut running = scenario("bad-fd").start();
        assert_eq!(running.talk.line().await, "still here");
        let outcome = running.finish().await;
        assert!(outcome.status.success(), "{}", outcome.status);
        // A record in a shared buffer arrives without the pipe too, until the parent finds its end.
        assert_eq!(outcome.messages()[0], "before");
        assert_eq!(outcome.summary.end, pipe_subscriber::StreamEnd::Eof);
    });
}

#[test]
fn a_file_that_has_the_handlers_number_is_neither_written_nor_closed() {
    // With a shared buffer, the handler can go on without the pipe, until the parent has found the end of it.
    for (delivery, gone) in [("direct", "gone true"), ("shared", "gone ")] {
        within(async {
            let mut running = scenario("daemon").env("E2E_DELIVERY", delivery).start();
            let said = running.talk.line().await;
            assert!(said.starts_with(gone), "{said}");
            assert!(said.ends_with(", shared false, written 0"), "{said}");
            let outcome = running.finish().await;
            assert!(outcome.status.success(), "{}", outcome.status);
            assert_eq!(outcome.messages()[0], "n0");
            assert!(delivery == "shared" || outcome.records.len() == 1);
        });
    }
}
