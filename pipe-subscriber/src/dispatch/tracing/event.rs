//! `Emission`: one event, and the question whether it is enabled.

use tracing_core::{Event, Metadata, dispatcher::get_default, field};

/// An event that is ready for the dispatcher.
pub(super) struct Emission<'e> {
    /// The metadata with the record's own target.
    pub(super) asked: &'e Metadata<'e>,
    /// The metadata that the event has: the same, or that of a shared call site.
    pub(super) sent: &'static Metadata<'static>,
    pub(super) values: &'e [Option<&'e dyn field::Value>],
}

impl Emission<'_> {
    /// Asks the default dispatcher.
    ///
    /// Filters of layers keep the answer until an event comes. After `true`, [`send`](Self::send) must be called:
    /// otherwise the program's next event that tracing does not ask about is taken for this one, and may be lost.
    pub(super) fn is_enabled(&self) -> bool {
        get_default(|dispatch| dispatch.enabled(self.asked))
    }

    /// Asks the default dispatcher, and hands the event to it if it is enabled. Nothing is called between.
    #[inline]
    pub(super) fn send(&self) {
        let values = self.sent.fields().value_set_all(self.values);
        let event = Event::new(self.sent, &values);
        get_default(|dispatch| {
            if dispatch.enabled(self.asked) {
                dispatch.event(&event);
            }
        });
    }
}
