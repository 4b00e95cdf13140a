//! Scopes beside the spans of `tracing`: spans stay spans, and scopes stay key-values.

use log::Level::Info;
use pipe_handler::{HoldBack, scope};
use tracing_subscriber::prelude::*;

use crate::support::{Piped, arrived};

#[test]
fn an_event_has_its_spans_and_the_values_of_the_scopes_and_is_held_back() {
    let Piped { handler, reader } = Piped::new();
    let subscriber = tracing_subscriber::registry().with(handler.into_layer());
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("request", id = 7).entered();
        scope!(a = 1).hold_back(HoldBack::below(Info)).in_scope(|| {
            tracing::debug!(own = 1, "kept");
            tracing::error!(own = 1, "failed");
        });
        tracing::info!(own = 1, "outside");
    });
    let arrived = arrived(reader);
    assert_eq!(arrived.messages(), ["kept", "failed", "outside"]);
    assert_eq!(arrived.pairs(), ["a=1", "a=1", ""]);
    assert_eq!(arrived.batches(), ["escalation 1, 0 left", "-", "-"]);
    for record in &arrived.records {
        assert_eq!(record.spans.to_string(), "request{id=7}");
    }
}
