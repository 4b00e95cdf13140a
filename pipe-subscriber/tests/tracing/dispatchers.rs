//! Which dispatcher gets the events.

use std::{
    future::ready,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use log::{Level, LevelFilter};
use pipe_subscriber::PipeSubscriber;
use tracing::{Dispatch, dispatcher, instrument::WithSubscriber, span};
use tracing_subscriber::{fmt, prelude::*};

use crate::support::{Seen, record, record_in, run, stream, within};

fn dispatch() -> (Dispatch, Seen) {
    let seen = Seen::default();
    let registry = tracing_subscriber::registry().with(seen.clone());
    (Dispatch::new(registry), seen)
}

#[tokio::test]
async fn a_scoped_dispatcher_gets_what_is_read_in_its_scope() {
    let ((first, first_seen), (second, second_seen)) = (dispatch(), dispatch());
    run([record(Level::Info, "worker")])
        .with_subscriber(first)
        .await;
    run([record(Level::Info, "worker")]).await;
    run([record(Level::Warn, "worker")])
        .with_subscriber(second)
        .await;
    assert_eq!(first_seen.only().level, "INFO");
    assert_eq!(second_seen.only().level, "WARN");
}

#[tokio::test]
async fn a_given_dispatcher_gets_the_records_although_it_is_not_the_default() {
    let ((given, given_seen), (default, default_seen)) = (dispatch(), dispatch());
    let _default = dispatcher::set_default(&default);
    let records = [
        record(Level::Info, "worker"),
        record_in(Level::Info, &[("req", 7), ("query", 1)]),
    ];
    let stream = stream(records);
    let run = PipeSubscriber::new(&stream[..]).run_into_dispatch(given.clone());
    assert_eq!(within(run).await.unwrap().received, 2);

    let mut logs = PipeSubscriber::new(&stream[..]).max_level(LevelFilter::Warn);
    assert_eq!(logs.run_into_dispatch_until(given, ready(3)).await, 3);
    tracing::info!("own");

    let spans: Vec<_> = given_seen
        .events()
        .into_iter()
        .map(|event| event.spans.len())
        .collect();
    assert_eq!(spans, [0, 2]);
    assert_eq!((given_seen.made().len(), given_seen.closed()), (2, 2));
    assert_eq!(default_seen.only().message, "own");
}

#[tokio::test]
async fn nothing_happens_without_a_dispatcher() {
    let summary = run([
        record(Level::Info, "worker"),
        record_in(Level::Info, &[("req", 7)]),
    ])
    .await;
    assert_eq!((summary.received, summary.logger_panics), (2, 0));
}

#[tokio::test]
async fn reading_until_a_future_is_ready_goes_on_where_it_stopped() {
    let (dispatch, seen) = dispatch();
    let _default = dispatcher::set_default(&dispatch);
    let records = (0..500).map(|_| record(Level::Info, "worker"));
    let stream = stream(records);
    let mut logs = PipeSubscriber::new(&stream[..]);
    assert_eq!(logs.run_into_tracing_until(ready(7)).await, 7);
    let first = seen.events().len();
    assert!((1..500).contains(&first), "{first}");
    let summary = within(logs.run_into_tracing()).await.unwrap();
    assert_eq!((summary.received, seen.events().len()), (500, 500));
}

/// A writer that logs a line about each line that it writes.
#[derive(Clone)]
struct Chatty {
    log: fn(),
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Write for Chatty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.lock().unwrap().extend_from_slice(bytes);
        (self.log)();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn events_of_a_writer_that_logs_are_dropped_and_reading_goes_on() {
    let lines = Arc::default();
    let writer = Chatty {
        log: || tracing::error!("about a line"),
        lines: Arc::clone(&lines),
    };
    let subscriber = fmt()
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let records = [
        record(Level::Info, "worker"),
        record_in(Level::Warn, &[("req", 7)]),
    ];
    let summary = run(records).with_subscriber(subscriber).await;
    assert_eq!((summary.received, summary.logger_panics), (2, 0));
    let lines = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
    assert_eq!(lines, " INFO worker: done\n WARN req{id=7}: worker: done\n");
}

#[tokio::test]
async fn a_layer_that_panics_costs_one_record_and_leaves_no_span_entered() {
    struct Panics;
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Panics {
        fn on_event(
            &self,
            event: &tracing::Event<'_>,
            _: tracing_subscriber::layer::Context<'_, S>,
        ) {
            if *event.metadata().level() == tracing::Level::ERROR {
                panic!("a layer panics");
            }
        }
    }
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(Panics)
        .with(seen.clone())
        .set_default();
    let summary = run([
        record_in(Level::Error, &[("req", 7)]),
        record(Level::Info, "worker"),
    ])
    .await;
    assert_eq!((summary.received, summary.logger_panics), (2, 1));
    assert!(seen.events().last().unwrap().spans.is_empty());
    assert_eq!((seen.made().len(), seen.closed()), (1, 1));
}

/// The lock that the panic in `on_event` has poisoned makes `on_exit` panic too, while the first panic unwinds.
#[tokio::test]
async fn a_layer_that_panics_again_when_the_spans_are_left_ends_nothing() {
    struct Poisoned(Mutex<u32>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Poisoned {
        fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            let events = self.0.lock();
            let mut events = events.unwrap_or_else(PoisonError::into_inner);
            *events += 1;
            assert_ne!(*events, 1, "the first event panics");
        }

        fn on_exit(&self, _: &span::Id, _: tracing_subscriber::layer::Context<'_, S>) {
            drop(self.0.lock().unwrap());
        }
    }
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(Poisoned(Mutex::new(0)))
        .set_default();
    let spans = [("req", 7), ("query", 1)];
    let summary = run([
        record_in(Level::Info, &spans),
        record_in(Level::Info, &spans),
        record(Level::Info, "worker"),
    ])
    .await;
    assert_eq!((summary.received, summary.logger_panics), (3, 2));
    let events = seen.events();
    let last = events.last().unwrap();
    assert!(last.spans.is_empty(), "{:?}", last.spans);
}
