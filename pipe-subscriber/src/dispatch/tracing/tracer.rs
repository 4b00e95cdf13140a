//! `Tracer`: hands records to a dispatcher of tracing.

use log::LevelFilter;
use record_proto::{RecordView, Spans};
use tracing_core::{Dispatch, dispatcher::with_default};

use super::call_site::{CallSiteKey, tracing_level};
use super::chain::Chains;
use super::child_spans::ChildSpans;
use super::event::Emission;
use super::fields::Fields;
use super::shared;
use super::shown::Shown;
use super::sites::Sites;
use crate::dispatch::logger::Dispatch as Preparation;

/// Hands records to the dispatcher that is the default at that moment, or to a given one.
pub(crate) struct Tracer<'s> {
    max_level: LevelFilter,
    /// The dispatcher that is made the default for each record; `None` for the one that is.
    given: Option<Dispatch>,
    current: IntoDefault<'s>,
}

impl<'s> Tracer<'s> {
    pub(crate) fn new(
        given: Option<Dispatch>,
        sites: &'s mut Sites,
        spans: ChildSpans,
        max_level: LevelFilter,
    ) -> Self {
        let is_given = given.is_some();
        Self {
            max_level,
            given,
            current: IntoDefault {
                is_given,
                sites,
                spans,
                chains: Chains::new(is_given),
            },
        }
    }

    /// Returns whether any subscriber of this process may have an interest in the level.
    #[inline]
    pub(super) fn lets_through(&self, level: log::Level) -> bool {
        level <= self.max_level
            && tracing_level(level) <= tracing_core::metadata::LevelFilter::current()
    }

    #[inline]
    pub(super) fn trace(&mut self, shown: &Shown<'_>) {
        let current = &mut self.current;
        match &self.given {
            None => current.trace(shown),
            Some(given) => with_default(given, || current.trace(shown)),
        }
    }
}

impl Preparation {
    /// Hands a record to tracing, unless its level filters it out.
    #[inline]
    pub(crate) fn trace(&mut self, record: &RecordView<'_>, tracer: &mut Tracer<'_>) {
        if !tracer.lets_through(record.level) {
            return;
        }
        let trace = |this: &Self, record: &RecordView<'_>| {
            tracer.trace(&Shown {
                record,
                prefix: this.message_prefix(record),
                label: this.label.as_deref(),
                attach: &this.attach,
                escaping: this.escaping,
            });
        };
        // Whether it is wanted is asked with the whole event, by its call site.
        self.with_shown(record, |_| true, trace);
    }
}

/// Hands records to the dispatcher that is the default.
struct IntoDefault<'s> {
    /// Whether the default was set by the tracer.
    is_given: bool,
    sites: &'s mut Sites,
    spans: ChildSpans,
    chains: Chains,
}

impl IntoDefault<'_> {
    #[inline]
    fn trace(&mut self, shown: &Shown<'_>) {
        let mut fields = Fields::default();
        fields.add_event(shown);
        let key = key(shown.record, &fields);
        let Some(site) = self.sites.find(&key) else {
            return self.trace_shared(shown, &key);
        };
        // A given dispatcher may not have been asked.
        if !self.is_given && site.is_never_enabled() {
            return;
        }
        let metadata = site.metadata();
        let emission = Emission {
            asked: metadata,
            sent: metadata,
            values: &fields.values(),
        };
        self.emit(&emission, shown);
    }

    #[cold]
    fn trace_shared(&mut self, shown: &Shown<'_>, key: &CallSiteKey<'_>) {
        let site = shared::event(shown.record.level);
        let mut fields = Fields::default();
        shared::add_event(&mut fields, shown);
        let emission = Emission {
            asked: &shared::question(site, key),
            sent: site.metadata(),
            values: &fields.values(),
        };
        self.emit(&emission, shown);
    }

    #[inline]
    fn emit(&mut self, emission: &Emission<'_>, shown: &Shown<'_>) {
        match shown.record.spans() {
            Some(spans) if self.spans != ChildSpans::Off => {
                self.emit_in_spans(emission, spans, shown);
            }
            _ => emission.send(),
        }
    }

    fn emit_in_spans(&mut self, emission: &Emission<'_>, spans: &Spans<'_>, shown: &Shown<'_>) {
        if self.spans == ChildSpans::Lazy && !emission.is_enabled() {
            return;
        }
        let _entered = self.chains.enter(spans, shown.escaping, self.sites);
        emission.send();
    }
}

#[inline]
fn key<'a>(record: &RecordView<'a>, fields: &'a Fields<'_>) -> CallSiteKey<'a> {
    CallSiteKey {
        is_span: false,
        level: record.level as u8,
        line: record.line,
        name: fields.event_name,
        target: record.target,
        file: record.origin.file.as_deref(),
        module_path: record.origin.module_path.as_deref(),
        fields: &fields.names,
    }
}
