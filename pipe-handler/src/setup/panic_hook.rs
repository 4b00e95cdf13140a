//! Turns panics into records.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    borrow::Cow,
    panic::{self, PanicHookInfo},
    sync::Weak,
};

use log::Level;
use record_proto::{ErrorInfo, LogRecord};

use crate::record::RecordWriter;

/// Installs a panic hook that logs each panic as one record and then calls the previous hook.
pub(crate) fn log_panics(
    writer: Weak<RecordWriter>,
    #[cfg(feature = "scope")] hold_back: Option<std::sync::Arc<crate::scope::Hold>>,
) {
    // A thread that is panicking must not change the hook: `take_hook` would panic.
    if std::thread::panicking() {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if let Some(writer) = writer.upgrade() {
            let record = panic_record(info);
            #[cfg(feature = "scope")]
            let record = crate::scope::escalate_panic(&writer, hold_back.as_ref(), record);
            writer.log_built(record);
            // With panic = "abort" the process ends before anything else could flush.
            writer.flush();
        }
        previous(info);
    }));
}

fn panic_record<'a>(info: &'a PanicHookInfo<'_>) -> LogRecord<'a> {
    let message = message(info);
    let backtrace = Backtrace::capture();
    let mut error = ErrorInfo::new(message);
    if backtrace.status() == BacktraceStatus::Captured {
        error.backtrace = Some(Cow::Owned(backtrace.to_string()));
    }
    let mut record = LogRecord::new(Level::Error, "panic", message);
    record.error = Some(error);
    record.file = info.location().map(|place| place.file().into());
    record.line = info.location().map(|place| place.line());
    record
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| Some(payload.downcast_ref::<String>()?))
        .unwrap_or("a panic with a value that is no text")
}
