//! The values of scopes, and the ways to be in one.

use std::{
    fmt,
    future::{Future, pending, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    thread,
};

use log::{
    Level::Info,
    Log, Metadata, Record,
    kv::{self, Source, VisitSource},
};
use pipe_handler::{PipeHandler, Scope, Scoped, scope};

use crate::support::{Piped, arrived, log_to};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Is ready at the second poll.
async fn yield_once() {
    let mut polled = false;
    poll_fn(|_| match mem::replace(&mut polled, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[test]
fn values_follow_the_own_pairs_inner_before_outer_before_the_context() {
    let piped = Piped::with(|builder| builder.context("app", "x"));
    let outer = Scope::new().with("request", 7).with("method", "GET");
    let inner = Scope::new().with("step", 2.5).with("ok", true);
    piped.log(Info, "before");
    outer.in_scope(|| {
        piped.log(Info, "outer");
        inner.in_scope(|| piped.log(Info, "inner"));
        piped.log(Info, "outer again");
    });
    piped.log(Info, "after");
    let arrived = piped.finish();
    let keys: Vec<_> = arrived.records[2]
        .key_values
        .iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, ["own", "step", "ok", "request", "method"]);
    let outer = "request=7 method=GET";
    let inner = format!("step=2.5 ok=true {outer}");
    assert_eq!(arrived.pairs(), ["", outer, &inner, outer, ""]);
    for record in &arrived.records {
        assert_eq!(record.context.to_string(), r#"{"app":"x"}"#);
    }
}

#[test]
fn a_value_that_is_recorded_later_reaches_every_thread_and_replaces_the_earlier_one() {
    let piped = Piped::new();
    let scope = Scope::new().with("user", "nobody").with("n", 1);
    let other = scope.clone();
    scope.in_scope(|| {
        piped.log(Info, "1");
        thread::scope(|threads| {
            threads.spawn(|| other.record("user", "ann"));
        });
        piped.log(Info, "2");
        Scope::current().record("late", 5);
        piped.log(Info, "3");
    });
    let expected = ["user=nobody n=1", "user=ann n=1", "user=ann n=1 late=5"];
    assert_eq!(piped.finish().pairs(), expected);
}

#[test]
fn the_macro_takes_the_forms_of_the_log_macros() {
    let piped = Piped::new();
    let (id, name) = (7, "x");
    let span = scope!(id, "with space" = 1_u32, name:% = name, debug:? = Some(name), id2 = id + 1, length = name.len());
    span.in_scope(|| piped.log(Info, ""));
    scope!().in_scope(|| piped.log(Info, ""));
    let all = r#"id=7 with space=1 name=x debug=Some("x") id2=8 length=1"#;
    assert_eq!(piped.finish().pairs(), [all, ""]);
}

#[test]
fn a_guard_ends_its_scope_in_any_order() {
    let piped = Piped::new();
    let (a, b) = (scope!(a = 1), scope!(b = 2));
    let guard_a = a.enter();
    let guard_b = b.enter();
    piped.log(Info, "both");
    drop(guard_a);
    piped.log(Info, "b");
    drop(guard_b);
    piped.log(Info, "none");
    let outside = a.enter();
    b.in_scope(|| {
        drop(outside);
        piped.log(Info, "b");
    });
    piped.log(Info, "none");
    assert_eq!(piped.finish().pairs(), ["b=2 a=1", "b=2", "", "b=2", ""]);
}

#[test]
fn a_closure_and_a_poll_leave_everything_that_was_entered_inside() {
    let piped = Piped::new();
    let outer = scope!(outer = 1);
    outer.in_scope(|| {
        scope!(inner = 2).in_scope(|| {
            mem::forget(scope!(leaked = 3).enter());
            mem::forget(Scope::current().with("leaked", 4).enter());
            piped.log(Info, "leaked");
        });
        piped.log(Info, "outer");
        let mut future = pin!(scope!(task = 5).instrument(async {
            mem::forget(scope!(leaked = 6).enter());
            mem::forget(Scope::current().with("leaked", 7).enter());
            piped.log(Info, "leaked");
            yield_once().await;
            piped.log(Info, "second poll");
        }));
        assert!(poll(future.as_mut()).is_pending());
        piped.log(Info, "outer");
        assert!(poll(future.as_mut()).is_ready());
    });
    piped.log(Info, "none");
    let pairs = piped.finish().pairs();
    let leaked = [
        "leaked=4 leaked=3 inner=2 outer=1",
        "leaked=7 leaked=6 task=5 outer=1",
    ];
    let task = "task=5 outer=1";
    assert_eq!(
        pairs,
        [leaked[0], "outer=1", leaked[1], "outer=1", task, ""]
    );
}

#[test]
fn a_leaked_guard_lasts_as_long_as_its_thread() {
    let piped = Piped::new();
    thread::scope(|threads| {
        threads.spawn(|| {
            mem::forget(scope!(leaked = 1).enter());
            piped.log(Info, "");
        });
    });
    piped.log(Info, "");
    assert_eq!(piped.finish().pairs(), ["leaked=1", ""]);
}

#[test]
fn a_future_is_in_its_scopes_and_no_others_at_each_poll_and_when_it_is_dropped() {
    struct LogsWhenDropped<'a>(&'a Piped);
    impl Drop for LogsWhenDropped<'_> {
        fn drop(&mut self) {
            self.0.log(Info, "dropped");
        }
    }
    let piped = Piped::new();
    let mut future = scope!(made_in = 1).in_scope(|| {
        Box::pin(scope!(task = 2).instrument(async {
            let _logs = LogsWhenDropped(&piped);
            piped.log(Info, "first poll");
            yield_once().await;
            let inner = scope!(inner = 3).instrument(async { piped.log(Info, "inner") });
            inner.await;
            pending::<()>().await;
        }))
    });
    scope!(poller = 9).in_scope(|| {
        assert!(poll(future.as_mut()).is_pending());
        assert!(poll(future.as_mut()).is_pending());
        piped.log(Info, "poller");
        drop(future);
    });
    let arrived = piped.finish();
    let task = "task=2 made_in=1";
    let inner = format!("inner=3 {task}");
    assert_eq!(arrived.pairs(), [task, &inner, "poller=9", task]);
    assert_eq!(arrived.messages()[3], "dropped");
}

#[test]
fn a_guard_from_outside_may_be_dropped_inside_a_poll() {
    let piped = Piped::new();
    let guard = scope!(guard = 1).enter();
    let mut future = Box::pin(scope!(task = 2).instrument(async {
        drop(guard);
        piped.log(Info, "");
    }));
    assert!(poll(future.as_mut()).is_ready());
    drop(future);
    piped.log(Info, "");
    assert_eq!(piped.finish().pairs(), ["task=2 guard=1", ""]);
}

#[test]
fn the_current_scopes_can_be_carried_into_threads() {
    let piped = Piped::new();
    scope!(a = 1).in_scope(|| {
        scope!(b = 2).in_scope(|| {
            let carried = Scope::current().with("c", 3);
            let empty = thread::scope(|threads| {
                threads.spawn(|| {
                    mem::forget(scope!(other = 4).enter());
                    carried.in_scope(|| piped.log(Info, "carried"));
                    let guard = carried.enter();
                    piped.log(Info, "carried");
                    drop(guard);
                    piped.log(Info, "other");
                });
                threads.spawn(Scope::current).join().expect("no panic")
            });
            empty.in_scope(|| piped.log(Info, "none"));
            empty.record("nothing", 1);
            piped.log(Info, "both");
        });
    });
    let carried = "c=3 b=2 a=1";
    assert_eq!(
        piped.finish().pairs(),
        [carried, carried, "other=4", "", "b=2 a=1"]
    );
}

#[test]
fn a_scope_inside_itself_has_its_values_once() {
    let piped = Piped::new();
    let scope = scope!(a = 1);
    scope.in_scope(|| scope!(b = 2).in_scope(|| scope.in_scope(|| piped.log(Info, ""))));
    assert_eq!(piped.finish().pairs(), ["a=1 b=2"]);
}

#[test]
fn settings_of_a_shared_scope_belong_to_a_new_scope_inside() {
    let piped = Piped::new();
    let shared = scope!(a = 1);
    let extended = shared.clone().with("b", 2);
    shared.in_scope(|| piped.log(Info, ""));
    extended.in_scope(|| piped.log(Info, ""));
    assert_eq!(piped.finish().pairs(), ["a=1", "b=2 a=1"]);
}

#[test]
fn a_log_call_inside_a_display_has_the_values_too() {
    struct Logs<'a>(&'a Piped);
    impl fmt::Display for Logs<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            scope!(inner = 2).in_scope(|| self.0.log(Info, "inner"));
            f.write_str("outer")
        }
    }
    let piped = Piped::new();
    let value = Logs(&piped);
    scope!(a = 1).in_scope(|| {
        let mut record = Record::builder();
        piped
            .handler
            .log(&record.args(format_args!("{value}")).build());
    });
    let arrived = piped.finish();
    assert_eq!(arrived.messages(), ["inner", "outer"]);
    assert_eq!(arrived.pairs(), ["inner=2 a=1", "a=1"]);
}

#[test]
fn key_values_that_panic_do_not_cost_the_values_of_the_scope() {
    struct Panics;
    impl log::kv::Source for Panics {
        fn visit<'kvs>(
            &'kvs self,
            visitor: &mut dyn log::kv::VisitSource<'kvs>,
        ) -> Result<(), log::kv::Error> {
            visitor.visit_pair("first".into(), 1.into())?;
            panic!("a source");
        }
    }
    let piped = Piped::new();
    let record = Record::builder().key_values(&Panics).build();
    scope!(a = 1).in_scope(|| piped.handler.log(&record));
    assert_eq!(piped.finish().pairs(), ["first=1 a=1"]);
}

#[test]
fn a_record_that_is_full_has_a_mark_in_the_place_of_the_values() {
    let piped = Piped::new();
    let pairs: Vec<(String, u64)> = (0..8_127).map(|n| (n.to_string(), n)).collect();
    let record = Record::builder().key_values(&pairs).build();
    scope!(a = 1).in_scope(|| piped.handler.log(&record));
    let arrived = piped.finish();
    let values = &arrived.records[0].key_values;
    assert_eq!((values.len(), values.get("a")), (8_128, None));
    let cut = values.get("cut").expect("a mark").to_string();
    assert_eq!(cut, "… (cut after 8127 pairs)");
}

/// Keeps the text of the pairs of each record.
#[derive(Default)]
struct Foreign(Mutex<Vec<String>>);

impl Log for Foreign {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut pairs = Vec::new();
        struct Visit<'a>(&'a mut Vec<String>);
        impl<'kvs> log::kv::VisitSource<'kvs> for Visit<'_> {
            fn visit_pair(
                &mut self,
                key: log::kv::Key<'kvs>,
                value: log::kv::Value<'kvs>,
            ) -> Result<(), log::kv::Error> {
                self.0.push(format!("{key}={value}"));
                Ok(())
            }
        }
        let mut visit = Visit(&mut pairs);
        record.key_values().visit(&mut visit).expect("no error");
        self.0.lock().expect("a lock").push(pairs.join(" "));
    }

    fn flush(&self) {}
}

#[test]
fn a_foreign_logger_gets_the_values_in_the_record() {
    let foreign = Scoped::new(Arc::new(Foreign::default()));
    log_to(&foreign, Info, "");
    scope!(a = 1, b = "x").in_scope(|| {
        scope!(list = [1, 2].into_iter().collect::<record_proto::List<'_>>())
            .in_scope(|| log_to(&foreign, Info, ""));
    });
    let seen = foreign.into_inner().0.lock().expect("a lock").clone();
    // The feature `kv_serde` prints a list in another way.
    let seen: Vec<_> = seen.iter().map(|pairs| pairs.replace(", ", ",")).collect();
    assert_eq!(seen, ["own=1", "own=1 list=[1,2] a=1 b=x"]);
}

#[test]
fn a_handler_behind_a_wrapped_logger_adds_the_values_once() {
    struct Tee(PipeHandler);
    impl Log for Tee {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            self.0.log(record);
            self.0
                .log(&record.to_builder().level(log::Level::Warn).build());
        }
        fn flush(&self) {}
    }
    let Piped { handler, reader } = Piped::new();
    let wrapped = Scoped::new(Scoped::new(Tee(handler)));
    scope!(a = 1).in_scope(|| log_to(&wrapped, Info, ""));
    drop(wrapped);
    let arrived = crate::support::arrived(reader);
    assert_eq!(arrived.pairs(), ["a=1", "a=1"]);
}

/// Tasks that move between threads, 10^5 polls of each.
#[test]
fn tasks_keep_their_scopes_whichever_thread_polls_them() {
    const POLLS: u64 = 100_000;
    let foreign: Arc<Foreign> = Arc::default();
    let logger = Arc::new(Scoped::new(Arc::clone(&foreign)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build();
    runtime.expect("a runtime").block_on(async {
        let tasks: Vec<_> = (0..8_u64)
            .map(|task| {
                let logger = Arc::clone(&logger);
                let work = async move {
                    for n in 0..POLLS {
                        if n % 1_000 == 0 {
                            let pairs = [("own", task)];
                            logger.log(&Record::builder().key_values(&pairs).build());
                        }
                        tokio::task::yield_now().await;
                    }
                };
                tokio::spawn(scope!(task).instrument(work))
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    let seen = foreign.0.lock().expect("a lock");
    assert_eq!(seen.len(), 800);
    for pairs in &*seen {
        let (own, scope) = pairs.split_once(' ').expect("two pairs");
        assert_eq!(
            own.strip_prefix("own="),
            scope.strip_prefix("task="),
            "{pairs}"
        );
    }
}

#[test]
fn scopes_that_were_carried_here_may_be_left_before_those_inside() {
    let piped = Piped::new();
    let carried = scope!(carried = 1).in_scope(Scope::current);
    let outer = scope!(outer = 2).enter();
    let first = carried.enter();
    let inner = scope!(inner = 3).enter();
    let second = carried.enter();
    drop(first);
    piped.log(Info, "in the second only");
    drop(second);
    piped.log(Info, "in both");
    let third = carried.enter();
    let last = scope!(last = 4).enter();
    drop(third);
    piped.log(Info, "in all three");
    drop((last, inner));
    piped.log(Info, "in the outer one");
    drop(outer);
    let expected = [
        "carried=1",
        "inner=3 outer=2",
        "last=4 inner=3 outer=2",
        "outer=2",
    ];
    assert_eq!(piped.finish().pairs(), expected);
}

#[test]
fn threads_that_wait_for_the_values_of_a_scope_get_and_set_all_of_them() {
    let piped = Piped::new();
    let scope = Scope::new();
    // So many that other threads have to wait for them.
    for n in 0..3000 {
        scope.record(&format!("key {n}"), n);
    }
    thread::scope(|threads| {
        for thread in 0..6 {
            let (piped, scope) = (&piped, &scope);
            threads.spawn(move || {
                scope.in_scope(|| {
                    for n in 0..20 {
                        let (key, message) = (format!("thread {thread}"), format!("{thread} {n}"));
                        scope.record(&key, n);
                        piped.log(Info, &message);
                    }
                });
            });
        }
    });
    let arrived = piped.finish();
    assert_eq!(arrived.records.len(), 6 * 20);
    for record in &arrived.records {
        let (thread, n) = record.message.split_once(' ').expect("two numbers");
        let value = record.key_values.get(&format!("thread {thread}"));
        let value = value.map(|value| value.to_string());
        assert_eq!(value.as_deref(), Some(n));
    }
}

#[test]
fn a_logger_that_adds_key_values_passes_those_of_the_scopes_on_once() {
    struct Adds<L>(L);
    struct Added<'a>(&'a dyn Source);
    impl Source for Added<'_> {
        fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
            visitor.visit_pair("added".into(), 1.into())?;
            self.0.visit(visitor)
        }
    }
    impl<L: Log> Log for Adds<L> {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            let pairs = Added(record.key_values());
            self.0.log(&record.to_builder().key_values(&pairs).build());
        }
        fn flush(&self) {}
    }
    let Piped { handler, reader } = Piped::new();
    let logger = Scoped::new(Adds(Scoped::new(Adds(handler))));
    scope!(a = 1).in_scope(|| log_to(&logger, Info, "1"));
    drop(logger);
    assert_eq!(arrived(reader).pairs(), ["added=1 added=1 a=1"]);
}
