//! `PipeLayer`: makes each event a record.

use std::{fmt, sync::Arc};

use record_proto::{EncodedSpan, PairWriter};
use tracing_core::{Event, Metadata, Subscriber, span};
use tracing_log::{AsLog, NormalizeEvent};
use tracing_subscriber::{
    filter::Filtered,
    layer::{Context, Layer},
    registry::LookupSpan,
};

use super::event::TracingEvent;
use super::fields::{Of, Pairs};
use super::layer_filter::PipeFilter;
use crate::handler::PipeHandler;

/// A [`Layer`] that sends the events of `tracing` to the parent process.
///
/// [`init_tracing`](crate::init_tracing) sets it up together with the process's logger. For a subscriber of your own,
/// [`PipeHandler::into_layer`] makes one.
///
/// An event becomes a record with its level, target, module path, file, line, message and fields. The fields keep their
/// types; those that are recorded with `%` or `?` become text, and the first error keeps its sources. The spans that the
/// event is in go with it, from the root to the leaf, with their names and fields, those included that are recorded
/// later. If a field is recorded again, the last value counts. An event whose name was given (`name: "login"`) has it as
/// the key-value `event.name`.
///
/// An event costs one record, with the guarantees of a [log call](PipeHandler#method.log). A span sends nothing. It is
/// encoded once when it begins and when a field is recorded, and each event copies it.
///
/// ```
/// use std::io::Read;
///
/// use pipe_handler::PipeHandler;
/// use tracing_subscriber::prelude::*;
///
/// let (mut read_end, write_end) = std::io::pipe()?;
/// let handler = PipeHandler::builder().build_on(write_end)?;
/// let subscriber = tracing_subscriber::registry().with(handler.into_layer());
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("request", id = 7).entered();
///     tracing::info!(user = "ann", "hello");
/// });
///
/// let mut stream = Vec::new();
/// read_end.read_to_end(&mut stream)?;
/// let has = |text: &[u8]| stream.windows(text.len()).any(|bytes| bytes == text);
/// assert!(has(b"hello") && has(b"ann") && has(b"request"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PipeLayer {
    handler: Arc<PipeHandler>,
}

impl PipeHandler {
    /// Makes the handler a layer for a subscriber of `tracing`, with the handler's filter.
    ///
    /// The subscriber must keep its spans in a [registry](tracing_subscriber::registry()).
    ///
    /// Such a layer also sends the records of `log` if the program passes them on as events, as
    /// `tracing_subscriber`'s `init` does. These have no key-values, because `tracing-log` does not pass them on;
    /// [`init_tracing`](crate::init_tracing) keeps them.
    ///
    /// A filter that is a layer by itself (`registry().with(EnvFilter::..)`) holds for all layers, this one included.
    /// Give it to the other layer with `with_filter` instead.
    ///
    /// ```
    /// use pipe_handler::PipeHandler;
    /// use tracing_subscriber::{EnvFilter, fmt, prelude::*};
    ///
    /// # fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let pipe = PipeHandler::builder().build()?.into_layer();
    /// let stderr = fmt::layer().with_writer(std::io::stderr).with_filter(EnvFilter::from_default_env());
    /// tracing_subscriber::registry().with(stderr).with(pipe).try_init()?;
    /// # Ok(()) }
    /// ```
    pub fn into_layer<S>(self) -> Filtered<PipeLayer, PipeFilter, S>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        PipeLayer::with_filter_of(Arc::new(self), false)
    }
}

impl PipeLayer {
    /// Returns the handler, for example for its [counts](PipeHandler::counts).
    ///
    /// [`Filtered::inner`] returns the layer.
    pub fn handler(&self) -> &PipeHandler {
        &self.handler
    }

    /// Makes a layer with its filter. `has_logger` says whether the process's logger sends the records of `log`.
    pub(super) fn with_filter_of<S>(
        handler: Arc<PipeHandler>,
        has_logger: bool,
    ) -> Filtered<Self, PipeFilter, S>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let filter = PipeFilter::new(Arc::clone(&handler), has_logger);
        Self { handler }.with_filter(filter)
    }

    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.handler.filter.enabled(&metadata.as_log())
    }

    /// Encodes the fields that `record` shows. All foreign code of a span runs here, and no lock is held.
    fn encode(
        &self,
        name: &str,
        record: impl FnOnce(&mut Pairs<'_, '_, '_>),
    ) -> Option<EncodedSpan> {
        let write = |out: &mut PairWriter<'_, '_>| record(&mut Pairs::new(out, Of::Span));
        self.handler.writer.encode_span(name, write)
    }
}

impl<S> Layer<S> for PipeLayer
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let name = attributes.metadata().name();
        let encoded = self.encode(name, |fields| attributes.record(fields));
        if let (Some(encoded), Some(span)) = (encoded, context.span(id)) {
            span.extensions_mut().replace(encoded);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let recorded = self.encode("", |fields| values.record(fields));
        if let (Some(recorded), Some(span)) = (recorded, context.span(id))
            && let Some(encoded) = span.extensions_mut().get_mut::<EncodedSpan>()
        {
            encoded.record(&recorded);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // An event that another layer makes while it formats this one may have changed the answer of the filter, which
        // is kept for the thread. So the filter is asked again.
        let of_log = event.normalized_metadata();
        let (metadata, of) = match &of_log {
            None => (event.metadata(), Of::Event),
            Some(metadata) => (metadata, Of::LogEvent),
        };
        if self.is_enabled(metadata) {
            self.handler.send(&TracingEvent {
                event,
                metadata,
                of,
                context: &context,
            });
        }
    }
}

impl fmt::Debug for PipeLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PipeLayer").field(&self.handler).finish()
    }
}
