//! `LogBridge`: the one logger of a process that uses `tracing`.

use std::{cell::Cell, sync::Arc};

use log::{Log, Metadata, Record};
use tracing_core::LevelFilter;
use tracing_log::AsTrace;

use super::callsites;
use super::event::RecordInSpans;
use crate::handler::PipeHandler;

/// How many records a thread may be passing on at once in addition to the first: a layer that formats one may log the
/// next.
const MAX_NESTING: u8 = 4;

thread_local! {
    // It has no destructor, so it also works in the destructors of other thread-locals.
    static NESTING: Cell<u8> = const { Cell::new(0) };
}

/// Sends the records of `log` to the pipe, with their key-values, and passes them on to the other layers as events.
///
/// The events carry the metadata of `tracing-log`, by which formatters find the record's own target. The filter of the
/// pipe's layer leaves them out, so the pipe gets each record once.
pub(super) struct LogBridge {
    /// `None` if the process has no pipe.
    pub(super) pipe: Option<Arc<PipeHandler>>,
    /// Whether there are other layers.
    pub(super) has_layers: bool,
}

impl LogBridge {
    fn pipe_for(&self, metadata: &Metadata<'_>) -> Option<&PipeHandler> {
        let pipe = self.pipe.as_deref()?;
        pipe.filter.enabled(metadata).then_some(pipe)
    }
}

impl Log for LogBridge {
    /// Does not ask the layers. Their answer would be kept for the thread, and the next event would get it.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let may_be_enabled = || metadata.level().as_trace() <= LevelFilter::current();
        self.pipe_for(metadata)
            .is_some_and(|pipe| pipe.enabled(metadata))
            || self.has_layers && may_be_enabled()
    }

    fn log(&self, record: &Record<'_>) {
        if callsites::is_copy(record) {
            return;
        }
        if let Some(pipe) = self.pipe_for(record.metadata()) {
            pipe.send(&RecordInSpans(record));
        }
        if self.has_layers {
            pass_on(record);
        }
    }

    fn flush(&self) {
        if let Some(pipe) = &self.pipe {
            pipe.flush();
        }
    }
}

/// Passes a record on as an event.
fn pass_on(record: &Record<'_>) {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            NESTING.set(NESTING.get() - 1);
        }
    }
    if NESTING.get() > MAX_NESTING {
        return;
    }
    NESTING.set(NESTING.get() + 1);
    let _leave = Leave;
    let _never_fails = tracing_log::format_trace(record);
}
