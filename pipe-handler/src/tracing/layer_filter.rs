//! `PipeFilter`: the parent's filter, as the filter of one layer.

use std::sync::Arc;

use tracing_core::{Level, LevelFilter, Metadata, subscriber::Interest};
use tracing_log::{AsLog, AsTrace};
use tracing_subscriber::layer::{Context, Filter};

use super::callsites;
use crate::handler::PipeHandler;

/// The most verbose level of spans that are let through whatever the level of events is.
const SPANS: Level = Level::INFO;

/// The filter of a [`PipeLayer`](super::PipeLayer): which events are sent, and which spans are kept for them.
///
/// It is part of the layer that [`PipeHandler::into_layer`] returns, and affects no other layer.
///
/// Events are filtered like the records of `log`: by `RECORD_PIPE_FILTER` or by [`Builder::filter`](crate::Builder::filter).
/// Spans up to info are let through whatever that filter says, so that an error has the spans that it happened in, even
/// if the level is warn. More verbose spans are filtered like events. If the filter is `off`, no span is let through.
///
/// ```
/// use pipe_handler::PipeHandler;
/// use tracing_subscriber::{Registry, filter::LevelFilter, layer::Layer};
///
/// let (_read_end, write_end) = std::io::pipe()?;
/// let handler = PipeHandler::builder().filter("warn").build_on(write_end)?;
/// let layer = handler.into_layer::<Registry>();
/// assert_eq!(layer.max_level_hint(), Some(LevelFilter::INFO)); // for the spans
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PipeFilter {
    handler: Arc<PipeHandler>,
    /// Whether the process's logger sends the records of `log`, so that the events made from these are left out.
    has_logger: bool,
}

impl PipeFilter {
    pub(super) fn new(handler: Arc<PipeHandler>, has_logger: bool) -> Self {
        Self {
            handler,
            has_logger,
        }
    }

    fn lets_through(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() && *metadata.level() <= SPANS {
            return self.handler.level() > log::LevelFilter::Off;
        }
        self.handler.filter.enabled(&metadata.as_log())
    }
}

impl<S> Filter<S> for PipeFilter {
    #[inline]
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.lets_through(metadata) && !(self.has_logger && is_of_log(metadata))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.has_logger {
            callsites::note(metadata);
        }
        // The filter never changes, so nothing has to be asked for each event.
        match self.lets_through(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let events = self.handler.level().as_trace();
        Some(match events {
            LevelFilter::OFF => events,
            _ => events.max(LevelFilter::from_level(SPANS)),
        })
    }
}

impl std::fmt::Debug for PipeFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PipeFilter")
            .field(&self.handler.writer.settings.filter)
            .finish()
    }
}

/// Returns whether this is the metadata by which `tracing-log` asks for a record of `log`.
fn is_of_log(metadata: &Metadata<'_>) -> bool {
    let level = metadata.level().as_log();
    let same_level = log::Metadata::builder().level(level).build();
    metadata.callsite() == same_level.as_trace().callsite()
}
