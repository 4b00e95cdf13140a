//! `InScope`: an event with the values of the thread's scopes.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use log::Level;
use record_proto::{Event, MessageWriter, PairWriter, SpanWriter};

use super::{stack, wrap};

/// An event whose pairs are followed by the values of the scopes, the innermost first.
pub(super) struct InScope<'a, E> {
    event: &'a E,
}

impl<'a, E> InScope<'a, E> {
    pub(super) fn new(event: &'a E) -> Self {
        Self { event }
    }
}

impl<E: Event> Event for InScope<'_, E> {
    #[inline(always)]
    fn level(&self) -> Level {
        self.event.level()
    }

    #[inline(always)]
    fn target(&self) -> &str {
        self.event.target()
    }

    #[inline(always)]
    fn module_path(&self) -> Option<&str> {
        self.event.module_path()
    }

    #[inline(always)]
    fn file(&self) -> Option<&str> {
        self.event.file()
    }

    #[inline(always)]
    fn line(&self) -> Option<u32> {
        self.event.line()
    }

    #[inline(always)]
    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        self.event.source_static()
    }

    #[inline(always)]
    fn write_message(&self, out: &mut MessageWriter<'_>) -> fmt::Result {
        self.event.write_message(out)
    }

    #[inline(always)]
    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        let _own_only = wrap::show_own_only();
        // The source of the pairs is foreign code. If it panics, the values of the scopes follow all the same.
        let visited = catch_unwind(AssertUnwindSafe(|| self.event.write_pairs(out)));
        stack::with_pairs(|pairs| out.copy(pairs));
        if let Err(panic) = visited {
            resume_unwind(panic);
        }
    }

    #[inline(always)]
    fn write_spans(&self, out: &mut SpanWriter<'_>) {
        self.event.write_spans(out);
    }
}
