//! The fields of events and spans, written with their types.

use std::{
    error::Error,
    fmt::{self, Debug, Write},
};

use log::kv::{self, VisitValue};
use record_proto::{MessageWriter, PairWriter, ValueWriter};
use tracing_core::field::{Field, Visit};

/// The field whose text is the message of an event.
const MESSAGE: &str = "message";

/// The prefix of the fields of a record of `log` that came as an event: target, module path, file and line.
const OF_LOG: &str = "log.";

/// Writes the message of an event.
pub(super) struct Message<'a, 'b> {
    out: &'a mut MessageWriter<'b>,
    written: fmt::Result,
}

impl<'a, 'b> Message<'a, 'b> {
    pub(super) fn new(out: &'a mut MessageWriter<'b>) -> Self {
        let written = Ok(());
        Self { out, written }
    }

    /// Returns an error if formatting has failed.
    pub(super) fn written(self) -> fmt::Result {
        self.written
    }
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == MESSAGE {
            self.written = write!(self.out, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.written = self.out.write_str(value);
        }
    }
}

/// Which fields there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Of {
    /// Those of an event: its message is not among the key-values.
    Event,
    /// Those of an event that was a record of `log`: what `tracing-log` adds is not either.
    LogEvent,
    /// Those of a span. An error is one text, because only a record has a place for its sources.
    Span,
}

/// Writes fields as key-values.
pub(super) struct Pairs<'a, 'w, 'b> {
    out: &'a mut PairWriter<'w, 'b>,
    of: Of,
}

impl<'a, 'w, 'b> Pairs<'a, 'w, 'b> {
    pub(super) fn new(out: &'a mut PairWriter<'w, 'b>, of: Of) -> Self {
        Self { out, of }
    }

    #[inline(always)]
    fn pair(
        &mut self,
        field: &Field,
        value: impl FnOnce(ValueWriter<'_, '_>) -> Result<(), kv::Error>,
    ) {
        let is_left_out = match self.of {
            Of::Event => field.name() == MESSAGE,
            Of::LogEvent => field.name() == MESSAGE || field.name().starts_with(OF_LOG),
            Of::Span => false,
        };
        if !is_left_out {
            self.out.pair(field.name(), value);
        }
    }
}

impl Visit for Pairs<'_, '_, '_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.pair(field, |mut out| out.visit_i64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.pair(field, |mut out| out.visit_u64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.pair(field, |mut out| out.visit_i128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.pair(field, |mut out| out.visit_u128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.pair(field, |mut out| out.visit_f64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.pair(field, |mut out| out.visit_bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, |mut out| out.visit_str(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.pair(field, |mut out| {
            out.bytes(value);
            Ok(())
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let is_of_span = self.of == Of::Span;
        self.pair(field, |mut out| {
            match is_of_span {
                true => out.error_text(value),
                false => out.error(value),
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.pair(field, |mut out| {
            out.display(format_args!("{value:?}"));
            Ok(())
        });
    }
}
