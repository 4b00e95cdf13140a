//! Handlers that are bound to scopes. The dispatcher is called by hand; `tests/e2e` installs it.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use log::{
    Level::{Debug, Error, Info},
    LevelFilter, Log, Metadata, Record,
};
use pipe_handler::{Dispatcher, Scope, scope};

use crate::support::{Piped, log_to};

/// Keeps the messages of its records, and the values of `a`.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<String>>>);

impl Log for Memory {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let a = record.key_values().get("a".into());
        let text = format!(
            "{}{}",
            record.args(),
            a.map_or(String::new(), |a| format!(" a={a}"))
        );
        self.0.lock().expect("a lock").push(text);
    }

    fn flush(&self) {
        self.0.lock().expect("a lock").push("flushed".into());
    }
}

impl Memory {
    fn bound(&self, level: LevelFilter) -> Scope {
        Scope::new().handler(self.clone(), level)
    }

    #[track_caller]
    fn assert(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().expect("a lock"), expected);
    }
}

/// The handlers of the application are those of all tests of this process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|error| error.into_inner())
}

#[test]
fn a_record_goes_to_the_innermost_handler_or_to_the_fallback() {
    let _alone = alone();
    let [fallback, outer, inner] = [(); 3].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Info);
    let log = |level, message: &str| log_to(&dispatcher, level, message);
    log(Info, "1");
    log(Debug, "below the fallback's level");
    outer.bound(LevelFilter::Debug).with("a", 1).in_scope(|| {
        log(Debug, "2");
        inner.bound(LevelFilter::Error).in_scope(|| {
            log(Error, "3");
            log(Info, "below the level of the handler that is bound");
            scope!(other = 1).in_scope(|| log(Error, "4"));
        });
        thread::scope(|threads| {
            threads.spawn(|| log(Info, "5"));
        });
    });
    fallback.assert(&["1", "5"]);
    outer.assert(&["2 a=1"]);
    inner.assert(&["3 a=1", "4 a=1"]);
}

#[test]
fn a_handler_that_bubbles_passes_records_on() {
    let _alone = alone();
    let [fallback, outer, inner] = [(); 3].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Trace);
    let log = |level, message: &str| log_to(&dispatcher, level, message);
    let inner_scope = inner.bound(LevelFilter::Error).bubble(true);
    inner_scope.in_scope(|| {
        log(Error, "1");
        log(Info, "2");
    });
    let outer_scope = outer.bound(LevelFilter::Trace);
    outer_scope.in_scope(|| inner_scope.in_scope(|| log(Error, "3")));
    fallback.assert(&["1", "2"]);
    outer.assert(&["3"]);
    inner.assert(&["1", "3"]);
}

#[test]
fn a_scope_without_a_handler_decides_whether_its_records_go_on() {
    let _alone = alone();
    let [fallback, memory] = [(); 2].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Trace);
    let log = |message: &str| log_to(&dispatcher, Info, message);
    let bound = memory.bound(LevelFilter::Trace);
    let bubbles = bound.clone().bubble(true);
    bound.in_scope(|| log("1"));
    bubbles.in_scope(|| log("2"));
    bubbles.clone().bubble(false).in_scope(|| log("3"));
    // The scope is entered inside itself, and its handler gets each record once.
    bound.in_scope(|| bubbles.in_scope(|| log("4")));
    let application = Dispatcher::bind(&bubbles);
    log("5");
    drop(application);
    fallback.assert(&["2", "4", "5"]);
    memory.assert(&["1", "2", "3", "4", "5"]);
}

#[test]
fn a_handler_of_the_application_gets_what_no_scope_takes() {
    let _alone = alone();
    let [fallback, first, second, scoped] = [(); 4].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Trace);
    let log = |message: &str| log_to(&dispatcher, Info, message);
    let bound_first = Dispatcher::bind(&first.bound(LevelFilter::Info));
    log("1");
    let bound_second = Dispatcher::bind(&second.bound(LevelFilter::Info).bubble(true));
    log("2");
    thread::scope(|threads| {
        threads.spawn(|| scoped.bound(LevelFilter::Info).in_scope(|| log("3")));
    });
    drop(bound_first);
    log("4");
    drop(bound_second);
    log("5");
    fallback.assert(&["4", "5"]);
    first.assert(&["1", "2"]);
    second.assert(&["2", "4"]);
    scoped.assert(&["3"]);
}

#[test]
fn a_job_is_logged_into_another_pipe_with_its_values_and_its_hold_back() {
    let _alone = alone();
    let (own, job) = (Piped::new(), Piped::new());
    let Piped { handler, reader } = own;
    let dispatcher = Dispatcher::new(handler, LevelFilter::Trace);
    let job_handler = Arc::new(job.handler);
    let hold_back = pipe_handler::HoldBack::below(Info);
    scope!(job = 7)
        .handler(Arc::clone(&job_handler), LevelFilter::Trace)
        .hold_back(hold_back)
        .in_scope(|| {
            log_to(&dispatcher, Debug, "kept");
            log_to(&dispatcher, Error, "failed");
        });
    log_to(&dispatcher, Info, "elsewhere");
    assert_eq!(job_handler.counts().sent, 2);
    drop((dispatcher, job_handler));
    let (own, job) = (
        crate::support::arrived(reader),
        crate::support::arrived(job.reader),
    );
    assert_eq!(own.messages(), ["elsewhere"]);
    assert_eq!(job.messages(), ["kept", "failed"]);
    assert_eq!(job.pairs(), ["job=7", "job=7"]);
}

#[test]
fn a_flush_reaches_every_handler_of_the_thread_and_the_fallback() {
    let _alone = alone();
    let [fallback, outer, inner] = [(); 3].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Trace);
    outer.bound(LevelFilter::Info).in_scope(|| {
        inner
            .bound(LevelFilter::Info)
            .in_scope(|| dispatcher.flush());
    });
    for memory in [fallback, outer, inner] {
        memory.assert(&["flushed"]);
    }
}

#[test]
fn a_handler_may_log_when_it_is_dropped() {
    let _alone = alone();
    struct LogsWhenDropped(Arc<Dispatcher>);
    impl Log for LogsWhenDropped {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, _: &Record<'_>) {}
        fn flush(&self) {}
    }
    impl Drop for LogsWhenDropped {
        fn drop(&mut self) {
            log_to(&*self.0, Info, "dropped");
        }
    }
    let fallback = Memory::default();
    let dispatcher = Arc::new(Dispatcher::new(fallback.clone(), LevelFilter::Info));
    let handler = || LogsWhenDropped(Arc::clone(&dispatcher));
    scope!()
        .handler(handler(), LevelFilter::Info)
        .in_scope(|| ());
    scope!(a = 1).in_scope(|| {
        let guard = scope!().handler(handler(), LevelFilter::Info).enter();
        drop(guard);
    });
    drop(Dispatcher::bind(
        &scope!().handler(handler(), LevelFilter::Info),
    ));
    fallback.assert(&["dropped", "dropped a=1", "dropped"]);
}

#[test]
fn a_scope_that_was_entered_inside_itself_hands_a_record_on_once() {
    let _alone = alone();
    let [fallback, memory] = [(); 2].map(|()| Memory::default());
    let dispatcher = Dispatcher::new(fallback.clone(), LevelFilter::Trace);
    let scope = memory.bound(LevelFilter::Trace).bubble(true);
    scope.in_scope(|| scope.in_scope(|| log_to(&dispatcher, Info, "1")));
    memory.assert(&["1"]);
    fallback.assert(&["1"]);
}
