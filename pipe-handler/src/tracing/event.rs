//! What the encoder reads: an event of `tracing`, and a record of `log` within spans.

use std::fmt;

use log::{Level, Record};
use record_proto::{Event, MessageWriter, PairWriter, SpanWriter};
use tracing_core::{Metadata, Subscriber};
use tracing_log::AsLog;
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use super::fields::{Message, Of, Pairs};
use super::scope;

/// The key of an event's own name.
const NAME: &str = "event.name";

/// An event of `tracing`.
pub(super) struct TracingEvent<'a, S> {
    pub(super) event: &'a tracing_core::Event<'a>,
    /// Its own or, if it was a record of `log`, those of the record.
    pub(super) metadata: &'a Metadata<'a>,
    pub(super) of: Of,
    pub(super) context: &'a Context<'a, S>,
}

/// A record of `log`, with the spans that its thread is in.
pub(super) struct RecordInSpans<'a>(pub(super) &'a Record<'a>);

impl<S> Event for TracingEvent<'_, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    #[inline]
    fn level(&self) -> Level {
        self.metadata.level().as_log()
    }

    #[inline]
    fn target(&self) -> &str {
        self.metadata.target()
    }

    #[inline]
    fn module_path(&self) -> Option<&str> {
        self.metadata.module_path()
    }

    #[inline]
    fn file(&self) -> Option<&str> {
        self.metadata.file()
    }

    #[inline]
    fn line(&self) -> Option<u32> {
        self.metadata.line()
    }

    #[inline]
    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        if self.of == Of::LogEvent {
            return None;
        }
        let metadata = self.event.metadata();
        Some((metadata.module_path()?, metadata.file()?))
    }

    fn write_message(&self, out: &mut MessageWriter<'_>) -> fmt::Result {
        let mut message = Message::new(out);
        self.event.record(&mut message);
        message.written()
    }

    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        if self.of == Of::Event
            && let Some(name) = own_name(self.event.metadata())
        {
            out.pair(NAME, |mut value| {
                value.display(name);
                Ok::<_, fmt::Error>(())
            });
        }
        self.event.record(&mut Pairs::new(out, self.of));
    }

    fn write_spans(&self, out: &mut SpanWriter<'_>) {
        scope::write(out, || self.context.event_scope(self.event));
    }
}

impl Event for RecordInSpans<'_> {
    #[inline(always)]
    fn level(&self) -> Level {
        self.0.level()
    }

    #[inline(always)]
    fn target(&self) -> &str {
        self.0.target()
    }

    #[inline(always)]
    fn module_path(&self) -> Option<&str> {
        self.0.module_path()
    }

    #[inline(always)]
    fn file(&self) -> Option<&str> {
        self.0.file()
    }

    #[inline(always)]
    fn line(&self) -> Option<u32> {
        self.0.line()
    }

    #[inline(always)]
    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        self.0.source_static()
    }

    #[inline(always)]
    fn write_message(&self, out: &mut MessageWriter<'_>) -> fmt::Result {
        self.0.write_message(out)
    }

    #[inline(always)]
    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        self.0.write_pairs(out);
    }

    fn write_spans(&self, out: &mut SpanWriter<'_>) {
        scope::write_current(out);
    }
}

/// Returns the name of an event, unless it is the one that the macros of `tracing` give: `event FILE:LINE`.
fn own_name(metadata: &'static Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    let place = name
        .strip_prefix("event ")
        .and_then(|place| place.strip_prefix(metadata.file()?));
    match place {
        Some(line) if line.starts_with(':') => None,
        _ => Some(name),
    }
}
