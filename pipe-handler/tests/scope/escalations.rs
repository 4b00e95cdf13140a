//! Several threads that make the kept records of one scope matter at the same time.

use std::{
    fmt,
    io::PipeReader,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use log::{
    Level::{Debug, Error, Info, Warn},
    Log, Record,
};
use pipe_handler::{Builder, HoldBack, Overflow, PipeHandler, Scope, scope};

use crate::support::{Piped, arrived, log_to, read_all};

/// More records than a pipe has room for.
const RECORDS: usize = 4_000;

fn hold_back() -> HoldBack {
    HoldBack::below(Info).until(Warn).keep(4 << 20)
}

/// A handler on a pipe that nobody reads yet.
fn unread(settings: impl FnOnce(Builder) -> Builder) -> (Arc<PipeHandler>, PipeReader) {
    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    let builder = PipeHandler::builder().filter("trace").panic_hook(false);
    let handler = settings(builder).build_on(write_end).expect("a handler");
    (Arc::new(handler), read_end)
}

/// Keeps records in the scope and logs an error. Returns when the pipe is full, and the thread waits for room.
fn escalate_into_full_pipe(
    handler: &Arc<PipeHandler>,
    scope: &Scope,
    read_end: &PipeReader,
) -> thread::JoinHandle<()> {
    let (handler, scope) = (Arc::clone(handler), scope.clone());
    let escalating = thread::spawn(move || {
        scope.in_scope(|| {
            for n in 0..RECORDS {
                log_to(&handler, Debug, &format!("kept {n}"));
            }
            log_to(&handler, Error, "failed first");
        });
    });
    let mut before = 0;
    loop {
        let unread = rustix::io::ioctl_fionread(read_end).expect("a pipe");
        if unread > 60_000 && unread == before {
            return escalating;
        }
        before = unread;
        thread::yield_now();
    }
}

#[test]
fn no_thread_overtakes_the_kept_records_that_another_one_is_sending() {
    const OTHERS: usize = 4;
    let (handler, read_end) = unread(|builder| builder);
    let scope = scope!().hold_back(hold_back());
    let first = escalate_into_full_pipe(&handler, &scope, &read_end);
    let started = Barrier::new(OTHERS + 1);
    let arrived = thread::scope(|threads| {
        for t in 0..OTHERS {
            let (handler, scope, started) = (&handler, &scope, &started);
            threads.spawn(move || {
                scope.in_scope(|| {
                    log_to(&**handler, Debug, &format!("kept later {t}"));
                    started.wait();
                    log_to(&**handler, Error, &format!("failed later {t}"));
                });
            });
        }
        started.wait();
        let reader = thread::spawn(|| read_all(read_end));
        first.join().expect("no panic");
        reader
    });
    drop(handler);
    let arrived = self::arrived(arrived);
    let messages = arrived.messages();
    assert_eq!(messages.len(), RECORDS + 1 + 2 * OTHERS);
    for (n, message) in messages[..RECORDS].iter().enumerate() {
        assert_eq!(*message, format!("kept {n}"));
    }
    for t in 0..OTHERS {
        let at = |message: String| messages.iter().position(|other| **other == message);
        assert!(at(format!("kept later {t}")) < at(format!("failed later {t}")));
    }
    assert_eq!(arrived.held_back(), 0);
}

#[test]
fn a_thread_waits_for_another_one_that_sends_only_as_long_as_its_policy_allows() {
    for overflow in [
        Overflow::DropNewest,
        Overflow::BlockFor(Duration::from_millis(10)),
    ] {
        let (handler, read_end) = unread(|builder| builder.overflow(overflow).exempt(Error));
        let scope = scope!().hold_back(hold_back());
        let first = escalate_into_full_pipe(&handler, &scope, &read_end);
        // The first one waits without a limit. If this one did too, nobody would ever read.
        scope.in_scope(|| log_to(&*handler, Warn, "cannot wait"));
        assert_eq!(handler.counts().dropped, 1);
        let reader = thread::spawn(|| read_all(read_end));
        first.join().expect("no panic");
        scope.in_scope(|| log_to(&*handler, Error, "failed later"));
        drop(handler);
        let arrived = arrived(reader);
        assert_eq!(arrived.records.len(), RECORDS + 2);
        assert_eq!(
            arrived.messages()[RECORDS..],
            ["failed first", "failed later"]
        );
        assert_eq!(arrived.dropped, 1);
    }
}

#[test]
fn scopes_that_threads_enter_in_different_orders_escalate_without_a_deadlock() {
    let piped = Piped::new();
    let (a, b) = (
        scope!(a = 1).hold_back(hold_back()),
        scope!(b = 1).hold_back(HoldBack::below(Debug).until(Warn)),
    );
    thread::scope(|threads| {
        for (outer, inner) in [(&a, &b), (&b, &a)] {
            let piped = &piped;
            threads.spawn(move || {
                // A scope that is entered inside itself has one turn for both.
                let _entered = (outer.enter(), inner.enter(), outer.enter());
                for _ in 0..2_000 {
                    piped.log(Debug, "kept");
                    piped.log(Error, "failed");
                }
            });
        }
    });
    drop((a, b));
    assert_eq!(piped.finish().records.len(), 8_000);
}

#[test]
fn the_record_that_makes_others_matter_has_the_number_after_theirs() {
    const THREADS: usize = 4;
    let piped = Piped::new();
    thread::scope(|threads| {
        for t in 0..THREADS {
            let piped = &piped;
            threads.spawn(move || {
                scope!().hold_back(hold_back()).in_scope(|| {
                    for n in 0..500 {
                        piped.log(Debug, &format!("{t} {n} 1"));
                        piped.log(Debug, &format!("{t} {n} 0"));
                        piped.log(Error, &format!("{t} {n} failed"));
                    }
                });
            });
        }
    });
    let arrived = piped.finish();
    let mut records: Vec<_> = arrived.records.iter().collect();
    records.sort_by_key(|record| record.seq);
    assert_eq!(records.len(), THREADS * 1_500);
    let mut failed = 0;
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record.seq, at as u64 + 1);
        let Some(batch) = record.batch else {
            failed += 1;
            continue;
        };
        if batch.left == 0 {
            let of_thread = record.message.strip_suffix('0').expect("the last one");
            let cause = records[at + 1];
            assert_eq!(cause.message, format!("{of_thread}failed"));
            assert_eq!(cause.batch, None);
        }
    }
    assert_eq!(failed, THREADS * 500);
}

#[test]
fn a_handler_whose_parent_does_not_read_delays_no_other_handler_in_the_scope() {
    let (stuck, read_end) = unread(|builder| builder);
    let other = Piped::new();
    let scope = scope!().hold_back(hold_back());
    let first = escalate_into_full_pipe(&stuck, &scope, &read_end);
    scope.in_scope(|| {
        other.log(Debug, "kept");
        other.log(Error, "failed");
    });
    assert_eq!(other.finish().messages(), ["kept", "failed"]);
    let reader = thread::spawn(|| read_all(read_end));
    first.join().expect("no panic");
    drop(stuck);
    assert_eq!(arrived(reader).records.len(), RECORDS + 1);
}

#[test]
fn threads_that_do_not_wait_for_room_lose_nothing_to_each_other() {
    const THREADS: usize = 4;
    /// So few that the pipe has room for all of their records.
    const ROUNDS: usize = 50;
    for _ in 0..40 {
        for overflow in [Overflow::DropNewest, Overflow::BlockFor(Duration::ZERO)] {
            let piped = Piped::with(|builder| builder.overflow(overflow));
            let (round, scope) = (Barrier::new(THREADS), scope!().hold_back(hold_back()));
            thread::scope(|threads| {
                for _ in 0..THREADS {
                    threads.spawn(|| {
                        scope.in_scope(|| {
                            for _ in 0..ROUNDS {
                                round.wait();
                                piped.log(Debug, "kept");
                                piped.log(Error, "failed");
                            }
                        });
                    });
                }
            });
            let arrived = piped.finish();
            assert_eq!(arrived.dropped, 0, "{overflow:?}");
            assert_eq!(arrived.records.len(), 2 * THREADS * ROUNDS);
        }
    }
}

#[cfg(feature = "drain")]
#[test]
fn a_thread_that_may_have_to_poll_the_drain_does_not_wait_for_one_that_waits_for_the_drain() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let (read_end, write_end) = tokio::io::duplex(1 << 20);
    let builder = PipeHandler::builder().filter("trace").panic_hook(false);
    let built = builder.build_over(write_end);
    let (handler, drain) = built.expect("a handler");
    let handler = Arc::new(handler);
    let scope = scope!().hold_back(hold_back());
    let waits = {
        let (handler, scope) = (Arc::clone(&handler), scope.clone());
        thread::spawn(move || {
            scope.in_scope(|| {
                for n in 0..RECORDS {
                    log_to(&*handler, Debug, &format!("kept {n:400}"));
                }
                log_to(&*handler, Error, "failed first");
            });
        })
    };
    // It has filled its buffer as far as a batch's next piece allows, and waits.
    let mut before = 0;
    loop {
        let sent = handler.counts().sent;
        if sent > 0 && sent == before {
            break;
        }
        before = sent;
        thread::yield_now();
    }
    drop(read_end);
    runtime.block_on(async {
        scope.in_scope(|| log_to(&*handler, Error, "cannot wait"));
        assert_eq!(handler.counts().dropped, 1);
        drop(handler);
        let _no_reader = drain.await;
    });
    waits.join().expect("no panic");
}

/// Logs in the scopes of whoever formats it.
struct Nested<'a>(&'a Piped);

impl fmt::Display for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.log(Debug, "kept inside");
        self.0.log(Error, "failed inside");
        f.write_str("failed outside")
    }
}

#[test]
fn a_log_call_inside_a_display_escalates_before_the_one_outside_does() {
    const ROUNDS: usize = 1_000;
    let piped = Piped::new();
    let scope = scope!().hold_back(hold_back());
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                scope.in_scope(|| {
                    for _ in 0..ROUNDS {
                        piped.log(Debug, "kept");
                        let args = format_args!("{}", Nested(&piped));
                        let record = Record::builder().level(Error).args(args).build();
                        piped.handler.log(&record);
                    }
                });
            });
        }
    });
    let mut arrived = piped.finish();
    arrived.records.sort_by_key(|record| record.seq);
    assert_eq!(arrived.records.len(), 2 * 4 * ROUNDS);
    let of = |message: &str| arrived.messages().iter().filter(|m| **m == message).count();
    for message in ["kept", "kept inside", "failed inside", "failed outside"] {
        assert_eq!(of(message), 2 * ROUNDS);
    }
    assert_eq!(arrived.messages()[0], "kept");
    assert_eq!(arrived.held_back(), 0);
}

#[test]
fn tasks_that_move_between_threads_escalate_in_scopes_that_they_share() {
    const TASKS: usize = 1_000;
    const POLLS: usize = 100;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build();
    let piped = Piped::new();
    let handler = Arc::new(piped.handler);
    let shared = scope!().hold_back(hold_back());
    runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (own, handler) = (scope!(task).hold_back(hold_back()), Arc::clone(&handler));
                let work = async move {
                    for poll in 0..POLLS {
                        log_to(&*handler, Debug, &format!("{task} {poll}"));
                        if poll % 10 == 9 {
                            log_to(&*handler, Error, &format!("{task} failed"));
                        }
                        tokio::task::yield_now().await;
                    }
                };
                tokio::spawn(shared.in_scope(|| own.instrument(work)))
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    drop((shared, handler));
    let mut arrived = arrived(piped.reader);
    arrived.records.sort_by_key(|record| record.seq);
    let mut next = vec![0; TASKS];
    for message in arrived.messages() {
        let (task, what) = message.split_once(' ').expect("two words");
        let next = &mut next[task.parse::<usize>().expect("a number")];
        match what {
            // All that the task has logged before has a lower number.
            "failed" => assert_eq!(*next % 10, 0, "{message}"),
            poll => {
                assert_eq!(poll, next.to_string(), "{message}");
                *next += 1;
            }
        }
    }
    assert_eq!(next, [POLLS; TASKS]);
    assert_eq!(arrived.records.len(), TASKS * POLLS * 11 / 10);
    assert_eq!(arrived.held_back(), 0);
}
