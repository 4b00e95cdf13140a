//! Records that are sent together when their scope ends.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use log::Level::{Debug, Error, Info};
use pipe_handler::{HoldBack, PipeHandler, scope};

use crate::support::{Piped, log_to};

#[test]
fn a_group_is_sent_together_when_its_scope_ends() {
    let piped = Piped::new();
    let group = scope!(job = 1).group(64 * 1024);
    group.in_scope(|| {
        piped.log(Info, "1");
        piped.log(Error, "2");
        scope!(step = 2).in_scope(|| piped.log(Info, "3"));
    });
    piped.log(Info, "outside");
    group.in_scope(|| piped.log(Info, "4"));
    drop(group);
    piped.log(Info, "after");
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["outside", "1", "2", "3", "4", "after"]);
    let left = |n| format!("group 1, {n} left");
    let expected = ["-", &left(3), &left(2), &left(1), &left(0), "-"];
    assert_eq!(arrived.batches(), expected);
    assert_eq!(arrived.assert_numbered(), 6);
}

#[test]
fn a_group_above_its_bound_is_sent_in_parts_and_loses_nothing() {
    let piped = Piped::new();
    let group = scope!().group(8 * 1024);
    let long = "x".repeat(10_000);
    group.in_scope(|| {
        for n in 0..300 {
            piped.log(Info, &n.to_string());
        }
        piped.log(Info, &long);
        piped.log(Info, "after a record that is longer than the bound");
    });
    drop(group);
    let arrived = piped.finish();
    assert_eq!(arrived.assert_numbered(), 302);
    assert_eq!(arrived.held_back(), 0);
    let messages = arrived.messages();
    assert_eq!(
        messages[..300],
        (0..300).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(messages[300], long);
    // Each part counts down by itself.
    let mut due = 0;
    for record in arrived
        .records
        .iter()
        .filter(|record| record.batch.is_some())
    {
        let left = record.batch.expect("a batch").left;
        assert!(due == 0 || left == due - 1, "{left} after {due}");
        due = left;
    }
    assert_eq!(due, 0);
}

#[test]
fn threads_in_one_group_are_sent_together() {
    let piped = Piped::new();
    let group = scope!().group(1 << 20);
    thread::scope(|threads| {
        for t in 0..4 {
            let (piped, group) = (&piped, &group);
            threads.spawn(move || {
                group.in_scope(|| (0..100).for_each(|n| piped.log(Info, &format!("{t} {n}"))));
            });
        }
    });
    drop(group);
    let arrived = piped.finish();
    assert_eq!(arrived.assert_numbered(), 400);
    let left: Vec<u64> = arrived
        .records
        .iter()
        .map(|r| r.batch.expect("a batch").left)
        .collect();
    assert_eq!(left, (0..400).rev().collect::<Vec<_>>());
}

#[test]
fn hold_back_decides_first_and_releases_into_the_group() {
    for hold_back_is_inside in [true, false] {
        let piped = Piped::new();
        let (group, hold_back) = (
            scope!().group(1 << 16),
            scope!().hold_back(HoldBack::below(Info)),
        );
        let work = || {
            piped.log(Info, "1");
            piped.log(Debug, "2");
            piped.log(Error, "3");
            piped.log(Debug, "forgotten");
        };
        match hold_back_is_inside {
            true => group.in_scope(|| hold_back.in_scope(work)),
            false => hold_back.in_scope(|| group.in_scope(work)),
        }
        piped.log(Info, "before the group");
        drop((group, hold_back));
        let arrived = piped.finish();
        assert_eq!(arrived.messages(), ["before the group", "1", "2", "3"]);
        assert_eq!(arrived.batches()[1], "group 1, 2 left");
        assert_eq!(arrived.held_back(), 1);
    }
}

#[test]
fn a_group_that_is_open_when_the_handler_is_dropped_is_sent_before_the_close() {
    let piped = Piped::new();
    let group = scope!().group(1 << 16);
    group.in_scope(|| piped.log(Info, "1"));
    let arrived = piped.finish();
    assert_eq!(
        (arrived.messages(), arrived.assert_numbered()),
        (vec!["1"], 1)
    );
    drop(group);
}

#[test]
fn a_group_that_finds_no_room_at_the_end_waits_no_longer_than_the_close() {
    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    let builder = PipeHandler::builder()
        .panic_hook(false)
        .exit_timeout(Duration::from_millis(10));
    let handler = builder.build_on(write_end).expect("a handler");
    let group = scope!().group(1024 * 1024);
    group.in_scope(|| {
        for _ in 0..100 {
            log_to(&handler, Info, &"long ".repeat(400));
        }
    });
    // Nobody reads, and the pipe holds 64 KiB.
    drop(handler);
    drop((group, read_end));
}

#[test]
fn a_group_is_sent_before_its_scope_has_ended_also_while_another_thread_asks_for_counts() {
    let piped = Piped::new();
    // To ask takes a while.
    let others: Vec<_> = (0..100).map(|_| scope!().group(4096)).collect();
    for other in &others {
        other.in_scope(|| piped.log(Info, "of another group"));
    }
    let is_done = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_done.load(Relaxed) {
                piped.handler.counts();
            }
        });
        for _ in 0..10_000 {
            scope!().group(4096).in_scope(|| piped.log(Info, "grouped"));
            piped.log(Info, "after");
        }
        is_done.store(true, Relaxed);
    });
    drop(others);
    let arrived = piped.finish();
    assert_eq!(arrived.assert_numbered(), 20_100);
    for pair in arrived.messages()[..20_000].chunks(2) {
        assert_eq!(pair, ["grouped", "after"]);
    }
}

#[test]
fn the_parts_of_a_group_keep_the_order_of_each_thread() {
    const RECORDS: usize = 20_000;
    let piped = Piped::new();
    let group = scope!().group(4 * 1024);
    thread::scope(|threads| {
        for t in 0..3_usize {
            let (piped, group) = (&piped, &group);
            threads.spawn(move || {
                group.in_scope(|| (0..RECORDS).for_each(|n| piped.log(Info, &format!("{t} {n}"))));
            });
        }
    });
    drop(group);
    let mut records = piped.finish().records;
    records.sort_by_key(|record| record.seq);
    let mut next = [0; 3];
    for record in &records {
        let (t, n) = record.message.split_once(' ').expect("two numbers");
        let next = &mut next[t.parse::<usize>().expect("a number")];
        assert_eq!(n, next.to_string(), "of thread {t}");
        *next += 1;
    }
    assert_eq!(next, [RECORDS; 3]);
}
