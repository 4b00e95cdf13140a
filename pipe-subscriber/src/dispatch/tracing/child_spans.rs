//! `ChildSpans`: the setting for the spans of children.

/// The target of the spans that are made again from records.
///
/// These spans are context of events only. They have no times of the child, and each is open for as long as the parent
/// finds useful. Layers that export or time spans should leave them out by this target; see [`ChildSpans`].
pub const SPAN_TARGET: &str = "pipe_subscriber::span";

/// When the spans of a child's records are made again, so that tracing's formatters print them.
///
/// A record carries the spans that it was logged in, with names and fields. They are made again as spans of tracing with
/// the target [`SPAN_TARGET`] and the level error, so that no filter by level hides the context of an event. They are
/// entered around the event, within the span that the parent itself is in.
///
/// # Layers that must leave them out
///
/// The spans begin and end when the parent makes and drops them, and their times are not those of the child. Layers that
/// export or time spans need a filter of one line:
///
/// ```
/// use pipe_subscriber::SPAN_TARGET;
/// use tracing_subscriber::{filter::filter_fn, fmt, prelude::*};
/// # let export_spans = fmt::layer().with_writer(std::io::sink);
///
/// let own_spans = filter_fn(|metadata| metadata.target() != SPAN_TARGET);
/// let subscriber = tracing_subscriber::registry()
///     .with(fmt::layer())                             // shows the spans of children
///     .with(export_spans.with_filter(own_spans));     // OpenTelemetry, timings
/// # drop(subscriber);
/// ```
///
/// # Filters by target
///
/// A filter that enables named targets only, such as `RUST_LOG=worker=debug`, disables these spans, and so hides them.
/// Add `pipe_subscriber::span=error` to it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{ChildSpans, PipeSubscriber};
/// use record_proto::{Encode, KeyValues, LogRecord};
///
/// let mut record = LogRecord::new(log::Level::Debug, "worker", "done");
/// record.spans.push("req", &KeyValues::new());
/// let mut stream = Vec::new();
/// record.encode_frame(&mut stream);
///
/// // With the directive `[req]=debug` of an EnvFilter, this shows the record.
/// PipeSubscriber::new(&stream[..]).spans(ChildSpans::Eager).run_into_tracing().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ChildSpans {
    /// After the event was found to be enabled. This is the default: the spans of disabled events cost nothing, and
    /// directives on spans do not match the spans of children.
    #[default]
    Lazy,
    /// Before it is asked whether the event is enabled, so that directives on spans, such as `[req]=debug` of an
    /// `EnvFilter`, match the spans of children too. Each record pays for its spans, also if it is disabled.
    Eager,
    /// Never. The events have no spans of the child.
    Off,
}
