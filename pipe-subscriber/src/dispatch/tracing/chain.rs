//! `Chains`: the spans of a child that are made again, a few of which are kept open.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr, thread,
};

use record_proto::{KeyValues, Span, Spans};
use tracing_core::{
    Dispatch,
    dispatcher::{get_default, with_default},
    span::{Attributes, Id},
};

use super::call_site::CallSiteKey;
use super::child_spans::SPAN_TARGET;
use super::fields::Fields;
use super::shared;
use super::sites::Sites;
use crate::dispatch::escape::Escaping;
use crate::sys::discard_panic;

/// The most chains that are kept open. The threads of a child log in spans of their own, so it is not one.
const MAX_KEPT: usize = 16;

/// The most bytes of a chain that is kept open, encoded.
const MAX_KEPT_BYTES: usize = 4096;

/// The most spans of a chain that are made; those nearest to the root.
const MAX_SPANS: usize = 32;

/// The chains that are open, the latest first.
pub(super) struct Chains {
    open: Vec<Chain>,
    /// Whether the default dispatcher is one that was given, and so always the same.
    is_given: bool,
}

impl Chains {
    pub(super) fn new(is_given: bool) -> Self {
        Self {
            open: Vec::new(),
            is_given,
        }
    }

    /// Enters the spans in the default dispatcher, and makes them first if they are not open.
    pub(super) fn enter(
        &mut self,
        spans: &Spans<'_>,
        escaping: Escaping,
        sites: &mut Sites,
    ) -> Entered<'_> {
        let place = self.default_place();
        let is_same = |chain: &Chain| chain.place == place && chain.spans == *spans;
        match self.open.iter().position(is_same) {
            Some(0) => {}
            Some(position) => self.open[..=position].rotate_right(1),
            None => {
                let chain = Chain::open(spans, place, escaping, sites);
                self.open.truncate(MAX_KEPT - 1);
                self.open.insert(0, chain);
            }
        }
        Entered::new(self)
    }

    /// Returns a number that differs if another dispatcher has become the default.
    ///
    /// It is the address of the default's place, which is that of the global one, or one of this thread for a scoped
    /// one. If a scoped default replaces another scoped one within one run, the spans that are open are not seen as
    /// stale. They are then entered in the dispatcher that they are of, and events in the other one lack them.
    fn default_place(&self) -> usize {
        match self.is_given {
            true => 0,
            false => get_default(|dispatch| ptr::from_ref(dispatch).addr()),
        }
    }
}

/// Spans of a dispatcher, from the root to the leaf. They are closed on drop.
struct Chain {
    spans: Spans<'static>,
    place: usize,
    dispatch: Dispatch,
    ids: Vec<Id>,
    /// Whether the chain is dropped after its first event.
    is_for_once: bool,
}

impl Chain {
    fn open(spans: &Spans<'_>, place: usize, escaping: Escaping, sites: &mut Sites) -> Self {
        let mut chain = Self {
            spans: Spans::new(),
            place,
            dispatch: Dispatch::default(),
            ids: Vec::new(),
            is_for_once: spans.encoded_length() > MAX_KEPT_BYTES,
        };
        for span in spans.iter().take(MAX_SPANS) {
            chain.push(span, escaping, sites);
        }
        if !chain.is_for_once {
            chain.spans = spans.clone().into_owned();
        }
        chain
    }

    /// Makes a span within the last one, or within the current one of the dispatcher.
    fn push(&mut self, mut span: Span<'_>, escaping: Escaping, sites: &mut Sites) {
        let mut name = Cow::Borrowed(span.name);
        escaping.escape_line(&mut name);
        escaping.escape_pairs(&mut span.fields);
        let id = open_span(&name, &span.fields, self.ids.last(), sites);
        match id {
            Some(id) => self.ids.push(id),
            // A filter that refuses the span may be replaced, so it is asked again for the next event.
            None => self.is_for_once = true,
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // A span that is dropped closes its parent in the default dispatcher, which must be the same one.
        let closed = catch_unwind(AssertUnwindSafe(|| {
            with_default(&self.dispatch, || {
                while let Some(id) = self.ids.pop() {
                    self.dispatch.try_close(id);
                }
            });
        }));
        if let Err(panic) = closed {
            discard_panic(panic);
        }
    }
}

/// Makes one span, if it is enabled.
fn open_span(
    name: &str,
    pairs: &KeyValues<'_>,
    parent: Option<&Id>,
    sites: &mut Sites,
) -> Option<Id> {
    let mut fields = Fields::default();
    fields.add_span(pairs);
    let key = CallSiteKey {
        is_span: true,
        level: log::Level::Error as u8,
        line: None,
        name: Some(name),
        target: SPAN_TARGET,
        file: None,
        module_path: None,
        fields: &fields.names,
    };
    let site = match sites.find(&key) {
        Some(site) => site,
        None => {
            fields = Fields::default();
            shared::add_span(&mut fields, name, pairs);
            shared::span()
        }
    };
    let values = fields.values();
    let metadata = site.metadata();
    let values = metadata.fields().value_set_all(&values);
    let span = match parent {
        Some(parent) => Attributes::child_of(parent.clone(), metadata, &values),
        None => Attributes::new(metadata, &values),
    };
    get_default(|dispatch| dispatch.enabled(metadata).then(|| dispatch.new_span(&span)))
}

/// The latest chain, entered. It is left on drop.
pub(super) struct Entered<'c> {
    chains: &'c mut Chains,
    /// How many of its spans are entered.
    count: usize,
}

impl<'c> Entered<'c> {
    fn new(chains: &'c mut Chains) -> Self {
        let mut entered = Self { chains, count: 0 };
        let chain = &entered.chains.open[0];
        for id in &chain.ids {
            chain.dispatch.enter(id);
            entered.count += 1;
        }
        entered
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let chain = &self.chains.open[0];
        let mut panic = None;
        for id in chain.ids[..self.count].iter().rev() {
            // A subscriber that panics must not keep the other spans entered.
            let left = catch_unwind(AssertUnwindSafe(|| chain.dispatch.exit(id)));
            if let Some(earlier) = left.err().and_then(|new| panic.replace(new)) {
                discard_panic(earlier);
            }
        }
        if chain.is_for_once {
            self.chains.open.remove(0);
        }
        match panic {
            // A second panic while the event's own one unwinds would end the process.
            Some(panic) if thread::panicking() => discard_panic(panic),
            Some(panic) => resume_unwind(panic),
            None => {}
        }
    }
}
