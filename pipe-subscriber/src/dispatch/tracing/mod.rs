//! Hands records to a dispatcher of tracing, as events. Uses its neighbours `logger`, `escape` and `attach`.

mod call_site;
mod chain;
mod child_spans;
mod event;
mod fields;
mod interner;
mod shared;
mod shown;
mod sites;
mod tracer;

pub use child_spans::{ChildSpans, SPAN_TARGET};
pub(crate) use {sites::Sites, tracer::Tracer};
