//! `Event`: a log call as the encoder reads it.

use std::fmt;

use log::Level;

use super::message_writer::MessageWriter;
use super::span_writer::SpanWriter;
use crate::kv::PairWriter;

/// A log call that a [`RecordEncoder`](crate::RecordEncoder) encodes: a `log::Record`, or the event of another library.
///
/// The methods `write_message`, `write_pairs` and `write_spans` write straight into the frame. They are called once each,
/// in this order.
pub trait Event {
    /// Returns the level.
    fn level(&self) -> Level;

    /// Returns the target.
    fn target(&self) -> &str;

    /// Returns the path of the module that logs.
    fn module_path(&self) -> Option<&str>;

    /// Returns the source file that logs.
    fn file(&self) -> Option<&str>;

    /// Returns the line in the source file.
    fn line(&self) -> Option<u32>;

    /// Returns module path and file if both are static texts, the same for all events of the call site.
    fn source_static(&self) -> Option<(&'static str, &'static str)>;

    /// Writes the message.
    ///
    /// # Errors
    ///
    /// Returns an error if formatting fails. The encoder then appends a marker to the message.
    fn write_message(&self, out: &mut MessageWriter<'_>) -> fmt::Result;

    /// Writes all key-values, in their order.
    fn write_pairs(&self, out: &mut PairWriter<'_, '_>);

    /// Writes the spans that the event is in, from the root to the leaf. The default is none.
    ///
    /// It must not panic.
    #[inline(always)]
    fn write_spans(&self, _out: &mut SpanWriter<'_>) {}
}

impl Event for log::Record<'_> {
    #[inline(always)]
    fn level(&self) -> Level {
        self.level()
    }

    #[inline(always)]
    fn target(&self) -> &str {
        self.target()
    }

    #[inline(always)]
    fn module_path(&self) -> Option<&str> {
        self.module_path()
    }

    #[inline(always)]
    fn file(&self) -> Option<&str> {
        self.file()
    }

    #[inline(always)]
    fn line(&self) -> Option<u32> {
        self.line()
    }

    #[inline(always)]
    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        Some((self.module_path_static()?, self.file_static()?))
    }

    #[inline(always)]
    fn write_message(&self, out: &mut MessageWriter<'_>) -> fmt::Result {
        fmt::Write::write_fmt(out, *self.args())
    }

    #[inline(always)]
    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        // An error of the source ends its pairs; those before it are kept.
        let _ended = self.key_values().visit(out);
    }
}
