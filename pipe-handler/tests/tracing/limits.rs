//! Long chains, long fields, a full pipe, and a parent that is gone.

use pipe_handler::{Overflow, PipeHandler};
use tracing_subscriber::prelude::*;

use crate::support::{Nothing, one, records_with};

#[test]
fn a_chain_of_very_many_spans_is_whole_up_to_the_value_limit() {
    let deep = |depth: usize| {
        let record = one(|| {
            // The registry closes a chain by recursion if only its leaf is kept.
            let mut chain = vec![tracing::info_span!("root")];
            for level in 1..depth {
                chain.push(tracing::info_span!(parent: &chain[level - 1], "s", level));
            }
            tracing::info!(parent: &chain[depth - 1], "deep");
            while chain.pop().is_some() {}
        });
        record.spans
    };
    assert_eq!(deep(4000).iter().count(), 4000);
    // Each one has a field, so they are more than 8,192 values.
    assert_eq!(deep(5000).to_string(), "… (cut, 5000 spans)");
}

#[test]
fn spans_that_are_longer_than_the_record_limit_are_cut_and_the_message_is_kept() {
    let builder = PipeHandler::builder().filter("info").record_limit(10_000);
    let records = records_with(builder, None::<Nothing>, || {
        let text = "x".repeat(6000);
        let _outer = tracing::info_span!("outer", text).entered();
        tracing::info!("one fits");
        let _inner = tracing::info_span!("inner", text).entered();
        tracing::info!("two do not");
    });
    let [one, two] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(one.spans.iter().count(), 1);
    assert_eq!(two.spans.to_string(), "… (cut, 2 spans)");
    assert_eq!(two.message, "two do not");
}

#[test]
fn events_that_find_no_room_are_dropped_and_counted() {
    let (_reader, write_end) = std::io::pipe().unwrap();
    let builder = PipeHandler::builder().overflow(Overflow::DropNewest);
    let builder = builder.panic_hook(false);
    let layer = builder.build_on(write_end).unwrap().into_layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    let counts = tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("request", id = 7).entered();
        for _ in 0..100_000 {
            tracing::info!("flood");
        }
        counts()
    });
    assert!(counts.dropped > 0 && counts.sent > 0, "{counts:?}");
    assert_eq!(counts.dropped + counts.sent, 100_000);
}

#[test]
fn without_a_reader_events_and_spans_are_discarded() {
    let (reader, write_end) = std::io::pipe().unwrap();
    let layer = PipeHandler::builder()
        .build_on(write_end)
        .unwrap()
        .into_layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    drop(reader);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request", id = 7).entered();
        tracing::info!("to nobody");
        assert!(handler(PipeHandler::is_gone));
        span.record("id", 8);
        let _inner = tracing::info_span!("inner").entered();
        tracing::info!("to nobody");
        assert_eq!(counts().sent + counts().dropped, 0);
    });
}

fn counts() -> pipe_handler::Counts {
    handler(PipeHandler::counts)
}

/// Asks the handler of the present subscriber.
fn handler<T>(ask: fn(&PipeHandler) -> T) -> T {
    tracing::dispatcher::get_default(|dispatch| {
        let layer = dispatch.downcast_ref::<pipe_handler::PipeLayer>();
        ask(layer.expect("the layer").handler())
    })
}
