//! The parent's filter.

use std::sync::{Arc, Mutex};

use pipe_handler::PipeHandler;
use tracing::{Dispatch, Event, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer},
    prelude::*,
};

use crate::support::{records, records_with};

#[test]
fn events_are_filtered_by_level_and_target_like_records_of_log() {
    let records = records("warn,app::db=debug", || {
        tracing::info!(target: "app", "no");
        tracing::warn!(target: "app", "1");
        tracing::debug!(target: "app::db::pool", "2");
        tracing::trace!(target: "app::db", "no");
    });
    let messages = records.iter().map(|record| &*record.message);
    assert_eq!(messages.collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn spans_up_to_info_are_kept_whatever_the_level_of_events() {
    let records = records("error,loud=debug", || {
        let _request = tracing::info_span!("request").entered();
        let _detail = tracing::debug_span!("detail").entered();
        let _loud = tracing::debug_span!(target: "loud", "loud").entered();
        tracing::warn!("not sent");
        tracing::error!("failed");
    });
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].spans.to_string(), "request:loud");
}

#[test]
fn the_filter_affects_no_other_layer() {
    let seen = Seen::default();
    let builder = PipeHandler::builder().filter("warn");
    let records = records_with(builder, seen.clone(), || {
        let _span = tracing::trace_span!("for others").entered();
        tracing::debug!("for others");
        tracing::warn!("for all");
    });
    assert_eq!(*seen.0.lock().unwrap(), ["for others", "for all"]);
    assert_eq!(records.len(), 1);
    assert!(records[0].spans.is_empty());
}

#[test]
fn a_disabled_call_site_is_never_asked_again() {
    let callsite = |filter: &str| {
        let (_reader, write_end) = std::io::pipe().unwrap();
        let handler = PipeHandler::builder().filter(filter);
        let layer = handler.build_on(write_end).unwrap().into_layer();
        let hint = Layer::<Registry>::max_level_hint(&layer);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        (
            dispatch.register_callsite(metadata_of_an_info_event()),
            hint,
        )
    };
    let (interest, hint) = callsite("warn");
    assert!(interest.is_never());
    // For spans.
    assert_eq!(hint, Some(LevelFilter::INFO));
    let (interest, hint) = callsite("debug");
    assert!(interest.is_always());
    assert_eq!(hint, Some(LevelFilter::DEBUG));
    let (interest, hint) = callsite("off");
    assert!(interest.is_never());
    assert_eq!(hint, Some(LevelFilter::OFF));
}

/// Metadata as a macro makes them.
fn metadata_of_an_info_event() -> &'static Metadata<'static> {
    #[derive(Clone, Default)]
    struct Keep(Arc<Mutex<Option<&'static Metadata<'static>>>>);
    impl<S: Subscriber> Layer<S> for Keep {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock().unwrap() = Some(event.metadata());
        }
    }
    let keep = Keep::default();
    let subscriber = tracing_subscriber::registry().with(keep.clone());
    tracing::subscriber::with_default(subscriber, || tracing::info!("x"));
    let metadata = *keep.0.lock().unwrap();
    metadata.expect("an event")
}

/// The messages that another layer sees.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Seen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = String::new();
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                if field.name() == "message" {
                    message = format!("{value:?}");
                }
            },
        );
        self.0.lock().unwrap().push(message);
    }
}
