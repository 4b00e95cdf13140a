//! Records that are held back until they matter.

use std::{fmt, sync::Barrier, thread};

use log::{
    Level::{Debug, Error, Info, Trace, Warn},
    Log, Record,
};
use pipe_handler::{AfterEscalation, HoldBack, Scope, scope};

use crate::support::Piped;

fn below_info() -> HoldBack {
    HoldBack::below(Info)
}

#[test]
fn a_severe_record_sends_those_before_it_in_order_as_a_batch() {
    let piped = Piped::new();
    let scope = scope!(request = 7).hold_back(below_info());
    scope.in_scope(|| {
        piped.log(Debug, "1");
        piped.log(Info, "passes");
        piped.log(Trace, "2");
        piped.log(Warn, "passes too");
        piped.log(Debug, "3");
        piped.log(Error, "failed");
        piped.log(Debug, "forgotten");
    });
    drop(scope);
    let arrived = piped.finish();
    let expected = ["passes", "passes too", "1", "2", "3", "failed"];
    assert_eq!(arrived.messages(), expected);
    let batches = [
        "escalation 1, 2 left",
        "escalation 1, 1 left",
        "escalation 1, 0 left",
    ];
    assert_eq!(
        arrived.batches(),
        ["-", "-", batches[0], batches[1], batches[2], "-"]
    );
    assert_eq!(arrived.pairs(), ["request=7"; 6]);
    assert_eq!((arrived.assert_numbered(), arrived.held_back()), (6, 1));
    // They keep the times at which they were logged.
    let time = |at: usize| arrived.records[at].time;
    assert!(time(2) < time(0) && time(0) < time(3) && time(3) < time(1) && time(1) < time(4));
}

#[test]
fn a_scope_that_ends_without_a_severe_record_forgets_its_records() {
    let piped = Piped::new();
    scope!().hold_back(below_info()).in_scope(|| {
        for _ in 0..10 {
            piped.log(Debug, "");
        }
    });
    piped.log(Error, "in no scope");
    assert_eq!(piped.handler.counts().held_back, 10);
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["in no scope"]);
    let close = arrived.close.as_ref().expect("a close");
    assert_eq!((close.sent, close.dropped, close.held_back), (1, 0, 10));
}

#[test]
fn records_that_are_still_kept_at_the_close_count_as_held_back() {
    let piped = Piped::new();
    let scope = scope!().hold_back(below_info());
    scope.in_scope(|| piped.log(Debug, ""));
    assert_eq!(piped.handler.counts().held_back, 1);
    let arrived = piped.finish();
    // The handler never wrote a record, but it has opened its session.
    assert_eq!(arrived.held_back(), 1);
    drop(scope);
}

#[test]
fn it_holds_back_again_after_an_escalation_or_lets_everything_pass() {
    for (after, expected) in [
        (AfterEscalation::Reset, &["1", "e1", "2", "e2"][..]),
        (AfterEscalation::PassOn, &["1", "e1", "2", "e2", "3"]),
    ] {
        let piped = Piped::new();
        let scope = scope!().hold_back(below_info().after(after));
        scope.in_scope(|| {
            piped.log(Debug, "1");
            piped.log(Error, "e1");
            piped.log(Debug, "2");
            piped.log(Error, "e2");
            piped.log(Debug, "3");
        });
        drop(scope);
        let arrived = piped.finish();
        assert_eq!(arrived.messages(), expected);
        assert_eq!(arrived.held_back(), 5 - expected.len() as u64);
    }
}

#[test]
fn scopes_inside_use_the_outer_hold_back_or_their_own() {
    let piped = Piped::new();
    let outer = scope!(o = 1).hold_back(below_info().until(Error));
    let inner = scope!(i = 1).hold_back(HoldBack::below(Debug).until(Warn));
    outer.in_scope(|| {
        piped.log(Debug, "1");
        scope!(plain = 1).in_scope(|| piped.log(Debug, "2"));
        inner.in_scope(|| {
            piped.log(Trace, "3, in the inner");
            piped.log(Debug, "4, in the outer");
            piped.log(Warn, "warned");
            piped.log(Trace, "5, in the inner");
            piped.log(Error, "failed");
        });
    });
    let arrived = piped.finish();
    let expected = [
        "3, in the inner",
        "warned",
        "1",
        "2",
        "4, in the outer",
        "5, in the inner",
        "failed",
    ];
    assert_eq!(arrived.messages(), expected);
    assert_eq!(arrived.batches()[5], "escalation 2, 0 left");
}

#[test]
fn the_oldest_records_make_room_and_none_is_lost_from_the_account() {
    const KEEP: usize = 16 * 1024;
    let piped = Piped::new();
    let scope = scope!().hold_back(below_info().keep(KEEP));
    scope.in_scope(|| {
        for n in 0..1_000 {
            piped.log(Debug, &n.to_string());
        }
        piped.log(Error, "failed");
    });
    drop(scope);
    let arrived = piped.finish();
    let kept = arrived.assert_numbered() - 1;
    assert_eq!(kept + arrived.held_back(), 1_000);
    let bytes = kept * 100;
    assert!((KEEP as u64 / 2..KEEP as u64).contains(&bytes), "{kept}");
    let expected: Vec<_> = (1_000 - kept..1_000).map(|n| n.to_string()).collect();
    assert_eq!(arrived.messages()[..kept as usize], expected);
}

#[test]
fn a_record_that_is_longer_than_the_bound_is_forgotten_at_once() {
    let piped = Piped::new();
    let scope = scope!().hold_back(below_info().keep(1024));
    scope.in_scope(|| {
        piped.log(Debug, "1");
        piped.log(Debug, &"x".repeat(2_000));
        piped.log(Error, "failed");
    });
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["1", "failed"]);
    assert_eq!(arrived.held_back(), 1);
}

#[test]
fn records_of_any_length_are_kept_whole() {
    let piped = Piped::new();
    let scope = scope!().hold_back(below_info().keep(1 << 20));
    let lengths = [
        0, 1, 7, 8, 1_000, 3_900, 4_000, 4_100, 20_000, 100_000, 300_000, 5,
    ];
    let text = |length: usize| "x".repeat(length);
    scope.in_scope(|| {
        for length in lengths {
            piped.log(Debug, &text(length));
        }
        piped.log(Error, "failed");
    });
    let arrived = piped.finish();
    assert_eq!(arrived.assert_numbered(), 13);
    for (record, length) in arrived.records.iter().zip(lengths) {
        assert!(
            record.message.starts_with(&text(length.min(250_000))),
            "{length}"
        );
        assert_eq!(
            record.original_length,
            (length > 262_144).then_some(300_000)
        );
    }
}

#[test]
fn threads_in_one_scope_escalate_together_in_the_order_of_time() {
    let piped = Piped::new();
    let scope = scope!(request = 1).hold_back(below_info().keep(1 << 20));
    let logged = std::sync::Barrier::new(4);
    thread::scope(|threads| {
        for t in 0..4 {
            let (piped, scope, logged) = (&piped, &scope, &logged);
            threads.spawn(move || {
                scope.in_scope(|| {
                    for n in 0..100 {
                        piped.log(Debug, &format!("{t} {n}"));
                    }
                    // All are still in the scope when one of them fails.
                    logged.wait();
                    if t == 0 {
                        piped.log(Error, "failed");
                    }
                    logged.wait();
                });
            });
        }
    });
    let arrived = piped.finish();
    assert_eq!(arrived.assert_numbered(), 401);
    assert_eq!(arrived.messages()[400], "failed");
    for t in 0..4 {
        let own = arrived
            .messages()
            .into_iter()
            .filter_map(|m| m.strip_prefix(&format!("{t} ")));
        let own: Vec<String> = own.map(str::to_owned).collect();
        assert_eq!(own, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    }
    let times: Vec<u64> = arrived.records.iter().map(|record| record.time).collect();
    assert!(times[..400].is_sorted());
}

#[test]
fn the_scope_of_a_thread_that_ends_inside_forgets_or_keeps_with_the_last_handle() {
    let piped = Piped::new();
    let scope = scope!().hold_back(below_info());
    thread::scope(|threads| {
        threads.spawn(|| {
            std::mem::forget(scope.enter());
            piped.log(Debug, "in a thread that ended");
        });
    });
    scope.in_scope(|| piped.log(Error, "failed"));
    assert_eq!(
        piped.finish().messages(),
        ["in a thread that ended", "failed"]
    );
}

#[test]
fn a_log_call_inside_a_display_is_kept_and_sent_too() {
    struct Logs<'a>(&'a Piped);
    impl fmt::Display for Logs<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.log(Debug, "inner");
            f.write_str("outer")
        }
    }
    let piped = Piped::new();
    let value = Logs(&piped);
    let scope = scope!().hold_back(below_info());
    scope.in_scope(|| {
        for level in [Debug, Error] {
            let mut record = Record::builder();
            piped
                .handler
                .log(&record.level(level).args(format_args!("{value}")).build());
        }
    });
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["inner", "outer", "inner", "outer"]);
    assert_eq!(arrived.batches()[2..], ["escalation 1, 0 left", "-"]);
}

#[test]
fn the_whole_process_holds_back() {
    let piped = Piped::with(|builder| builder.hold_back(below_info()));
    piped.log(Debug, "1");
    thread::scope(|threads| {
        threads.spawn(|| piped.log(Debug, "2, of another thread"));
    });
    scope!(a = 1).in_scope(|| piped.log(Debug, "3"));
    let apart = scope!().hold_back(below_info());
    apart.in_scope(|| piped.log(Debug, "4, kept apart"));
    piped.log(Error, "failed");
    let arrived = piped.finish();
    let expected = ["1", "2, of another thread", "3", "failed"];
    assert_eq!(arrived.messages(), expected);
    assert_eq!(arrived.pairs(), ["", "", "a=1", ""]);
    assert_eq!(arrived.batches()[0], "escalation 1, 2 left");
    assert_eq!(arrived.held_back(), 1);
}

#[test]
fn each_handler_gets_its_own_records() {
    let (a, b) = (Piped::new(), Piped::new());
    let scope = scope!().hold_back(below_info());
    scope.in_scope(|| {
        for n in 0..10 {
            a.log(Debug, &format!("a{n}"));
            b.log(Debug, &format!("b{n}"));
        }
        a.log(Error, "a failed");
    });
    drop(scope);
    let (a, b) = (a.finish(), b.finish());
    assert_eq!((a.assert_numbered(), a.held_back()), (11, 0));
    assert_eq!((b.records.len(), b.held_back()), (0, 10));
}

#[test]
fn tasks_that_move_between_threads_keep_their_records() {
    const ROUNDS: u64 = 200;
    let piped = std::sync::Arc::new(Piped::new());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build();
    runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let piped = std::sync::Arc::clone(&piped);
                let work = async move {
                    for n in 0..ROUNDS {
                        piped.log(Debug, &n.to_string());
                        tokio::task::yield_now().await;
                    }
                    if task % 2 == 0 {
                        piped.log(Error, "failed");
                    }
                };
                let scope = scope!(task).hold_back(below_info().keep(1 << 20));
                tokio::spawn(scope.instrument(work))
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    let arrived = std::sync::Arc::into_inner(piped)
        .expect("the last")
        .finish();
    assert_eq!(arrived.records.len() as u64, 4 * (ROUNDS + 1));
    assert_eq!(arrived.held_back(), 4 * ROUNDS);
    for task in [0, 2, 4, 6] {
        let own = arrived
            .records
            .iter()
            .filter(|r| r.key_values.get("task") == Some(task.into()));
        let own: Vec<&str> = own.map(|record| &*record.message).collect();
        let mut expected: Vec<String> = (0..ROUNDS).map(|n| n.to_string()).collect();
        expected.push("failed".into());
        assert_eq!(own, expected);
    }
}

#[test]
fn a_future_that_is_cancelled_forgets_its_records() {
    let piped = Piped::new();
    let future = scope!().hold_back(below_info()).instrument(async {
        piped.log(Debug, "");
        std::future::pending::<()>().await;
    });
    let mut future = Box::pin(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    drop(future);
    assert_eq!(piped.finish().held_back(), 1);
}

#[test]
fn a_policy_that_drops_counts_each_record_of_the_batch() {
    let (read_end, write_end) = std::io::pipe().expect("a pipe");
    let builder = pipe_handler::PipeHandler::builder()
        .filter("trace")
        .panic_hook(false)
        .overflow(pipe_handler::Overflow::DropNewest);
    let handler = builder.build_on(write_end).expect("a handler");
    let scope = Scope::new().hold_back(below_info().keep(1 << 20));
    let text = "x".repeat(500);
    scope.in_scope(|| {
        for _ in 0..1_000 {
            crate::support::log_to(&handler, Debug, &text);
        }
        crate::support::log_to(&handler, Error, "failed");
    });
    let counts = handler.counts();
    assert_eq!(counts.sent + counts.dropped, 1_001);
    assert!(counts.dropped > 800, "{counts:?}");
    assert_eq!(counts.held_back, 0);
    drop((read_end, handler));
}

#[test]
fn threads_that_do_nothing_more_take_no_memory_of_the_process_from_others() {
    const THREADS: usize = 64;
    let piped = Piped::with(|builder| builder.hold_back(below_info()));
    let idle = Barrier::new(THREADS + 1);
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                piped.log(Debug, "begins");
                idle.wait();
                idle.wait();
            });
        }
        idle.wait();
        for _ in 0..2 {
            piped.log(Debug, "kept");
            piped.log(Error, "severe");
        }
        idle.wait();
    });
    let arrived = piped.finish();
    assert_eq!(arrived.held_back(), 0);
    assert_eq!(arrived.assert_numbered() as usize, THREADS + 4);
}

#[test]
fn threads_that_stay_in_a_scope_leave_memory_to_the_others() {
    const THREADS: usize = 40;
    let piped = Piped::new();
    let scope = Scope::new().hold_back(below_info().keep(8 * 1024));
    let idle = Barrier::new(THREADS + 1);
    thread::scope(|threads| {
        for t in 0..THREADS {
            let (piped, scope, idle) = (&piped, &scope, &idle);
            threads.spawn(move || {
                let _entered = scope.enter();
                piped.log(Debug, &format!("begins {t}"));
                idle.wait();
                idle.wait();
            });
        }
        idle.wait();
        scope.in_scope(|| {
            for n in 0..100 {
                piped.log(Debug, &format!("kept {n}"));
            }
            piped.log(Error, "severe");
        });
        idle.wait();
    });
    let arrived = piped.finish();
    let messages = arrived.messages();
    // The oldest ones make room, but only those.
    let last = &messages[messages.len() - 11..];
    let expected = (90..100).map(|n| format!("kept {n}"));
    assert_eq!(last[..10], expected.collect::<Vec<_>>());
    assert_eq!(arrived.held_back() + messages.len() as u64, 141);
}

#[test]
fn a_scope_that_can_never_have_memory_takes_none_from_others() {
    let piped = Piped::new();
    let scope = Scope::new().hold_back(below_info());
    scope.in_scope(|| piped.log(Debug, "kept"));
    let without = Scope::new().hold_back(below_info().total(0));
    without.in_scope(|| piped.log(Debug, "forgotten"));
    scope.in_scope(|| piped.log(Error, "severe"));
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["kept", "severe"]);
    assert_eq!(arrived.held_back(), 1);
}
