//! The spans that something is logged in.

use std::{
    array,
    panic::{AssertUnwindSafe, catch_unwind},
};

use record_proto::{EncodedSpan, SpanWriter};
use tracing_core::dispatcher;
use tracing_subscriber::{
    Registry,
    registry::{LookupSpan, Scope},
};

/// How many spans a chain may have before its order is reversed in memory that is allocated.
const INNER: usize = 8;

/// Writes the spans of a scope, from the root to the leaf. Spans that the filter left out are not encoded.
///
/// A registry that panics, for example because another layer has panicked while it held the lock of a span, costs the
/// spans and not the record.
pub(super) fn write<'s, S: LookupSpan<'s> + 's>(
    out: &mut SpanWriter<'_>,
    scope: impl FnOnce() -> Option<Scope<'s, S>>,
) {
    let _panicked = catch_unwind(AssertUnwindSafe(|| {
        let Some(mut scope) = scope() else {
            return;
        };
        let inner: [_; INNER] = array::from_fn(|_| scope.next());
        // It allocates only if there are more.
        let outer: Vec<_> = scope.collect();
        for span in outer.iter().rev().chain(inner.iter().flatten().rev()) {
            // The lock is held only while encoded bytes are copied.
            if let Some(span) = span.extensions().get::<EncodedSpan>() {
                out.span(span);
            }
        }
    }));
}

/// Writes the spans that this thread is in, if the subscriber has a [`Registry`].
pub(super) fn write_current(out: &mut SpanWriter<'_>) {
    dispatcher::get_default(|dispatch| {
        let Some(registry) = dispatch.downcast_ref::<Registry>() else {
            return;
        };
        write(out, || {
            let current = dispatch.current_span();
            Some(registry.span(current.id()?)?.scope())
        });
    });
}
