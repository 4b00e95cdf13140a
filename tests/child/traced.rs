//! Programs that use `tracing`, `log`, or both.

use std::{error::Error, fmt, thread};

use log::Log;
use pipe_handler::InitError;
use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    filter::Targets,
    layer::{Context, Layer},
    prelude::*,
};

use crate::{
    families::{fork, wait_for},
    tools::{say, settings},
};

/// Sets everything up, alone or with another layer that prints what it gets, and logs in every way.
pub(crate) fn traced(other: &str) {
    match other {
        "alone" => settings().init_tracing(),
        "printing" => settings().init_tracing_with(Printing.with_filter(LevelFilter::INFO)),
        // Takes more than the pipe, and not all.
        "debug" => {
            let targets = Targets::new().with_target("app", LevelFilter::DEBUG);
            settings().init_tracing_with(Printing.with_filter(targets))
        }
        _ => panic!("no such layer"),
    }
    .expect("a record pipe");
    log_in_every_way();
}

fn log_in_every_way() {
    let failure: &(dyn Error + 'static) = &fmt::Error;
    tracing::info!(target: "app", user = 7, "event");
    log::info!(target: "app", job = 3, err:err = failure; "record");
    let span = tracing::info_span!(target: "app", "request", id = 7, user = tracing::field::Empty);
    let entered = span.enter();
    span.record("user", "ann");
    tracing::warn!(target: "app", "event in a span");
    log::warn!(target: "app", job = 3; "record in a span");
    drop(entered);
    drop(span);
    tracing::debug!(target: "app", "debug event");
    log::debug!(target: "app", "debug record");
    tracing::error!(target: "app", shown = %Logs, "event with {}", Logs);
    log::error!(target: "app", shown:% = Logs; "record with {}", Logs);
    tracing::error!(target: "endless", "{}", Endless);
}

/// Uses the pipe, or the other layer alone.
pub(crate) fn traced_or() {
    let outcome = settings().init_tracing_or(Printing.with_filter(LevelFilter::INFO));
    say(&format!("{:?}", outcome.expect("a subscriber")));
    log_in_every_way();
}

/// A start that fails changes nothing, and leaves the pipe to the next one.
pub(crate) fn traced_twice(first: &str) {
    let error = match first {
        "logger" => {
            log::set_boxed_logger(Box::new(Nowhere)).expect("no logger");
            settings().init_tracing().expect_err("there is a logger")
        }
        _ => {
            let subscriber = tracing_subscriber::registry();
            tracing::subscriber::set_global_default(subscriber).expect("no subscriber");
            settings()
                .init_tracing()
                .expect_err("there is a subscriber")
        }
    };
    match (first, error) {
        ("logger", InitError::Logger(_)) => {
            let pipe = settings().build().expect("the pipe").into_layer();
            let subscriber = tracing_subscriber::registry().with(pipe);
            tracing::subscriber::set_global_default(subscriber).expect("no subscriber");
            tracing::info!("after a start that failed");
        }
        (_, InitError::Subscriber) => {
            settings().init().expect("the pipe, and no logger");
            log::info!("after a start that failed");
        }
        (_, other) => panic!("{other:?}"),
    }
}

/// A subscriber of the program's own, without a logger of this project.
pub(crate) fn traced_by_itself() {
    let pipe = settings().build().expect("the pipe").into_layer();
    tracing_subscriber::registry()
        .with(Printing.with_filter(LevelFilter::WARN))
        .with(pipe)
        .init();
    tracing::info!(target: "app", user = 7, "event");
    log::info!(target: "app", job = 3; "record");
}

/// Logs in destructors of thread-locals, before and after those of the subscriber, and within a span.
pub(crate) fn traced_late() {
    settings().init_tracing().expect("a record pipe");
    let work = || {
        LAST.with(|_| ());
        tracing::info_span!("request", id = 7).in_scope(|| tracing::info!(target: "app", "event"));
        FIRST.with(|_| ());
    };
    thread::spawn(work).join().expect("no panic");
}

thread_local! {
    static LAST: Late = const { Late };
    static FIRST: Late = const { Late };
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        // No span: the registry panics when it makes one here.
        tracing::info!(target: "app", "late event");
        log::info!(target: "app", "late record");
    }
}

/// Forks within a span; both processes log and record a field.
pub(crate) fn traced_fork() {
    settings().init_tracing().expect("a record pipe");
    let span = tracing::info_span!("request", who = "before");
    let _entered = span.enter();
    tracing::info!(target: "app", "before");
    match fork() {
        None => {
            span.record("who", "child");
            tracing::info!(target: "app", "child");
            log::info!(target: "app", "child");
            std::process::exit(0);
        }
        Some(child) => wait_for(child),
    }
    tracing::info!(target: "app", "parent");
}

/// Prints the level, the target and the message of each event.
struct Printing;

impl<S: Subscriber> Layer<S> for Printing {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut message = String::new();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
                if field.name() == "message" {
                    message = format!("{value:?}");
                }
            },
        );
        say(&format!(
            "{} {}: {message}",
            metadata.level(),
            metadata.target()
        ));
    }
}

/// Makes an event and a record when it is formatted.
struct Logs;

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::trace!(target: "app", "event from a formatter");
        log::trace!(target: "app", "record from a formatter");
        f.write_str("a formatter that logs")
    }
}

/// Makes an event of itself when it is formatted.
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::trace!(target: "endless", "{}", Endless);
        f.write_str("endless")
    }
}

struct Nowhere;

impl Log for Nowhere {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }
    fn log(&self, _: &log::Record<'_>) {}
    fn flush(&self) {}
}
