//! The last stage of a record's way: escapes its text, adds the label and the parent's key-values, and calls the logger or
//! a dispatcher of tracing. May use `sys`.

mod attach;
mod escape;
mod label_in;
mod logger;
mod parent_keys;
#[cfg(feature = "tracing")]
mod tracing;

pub(crate) use logger::Dispatch;
#[cfg(feature = "tracing")]
pub use tracing::{ChildSpans, SPAN_TARGET};
#[cfg(feature = "tracing")]
pub(crate) use tracing::{Sites, Tracer};
pub use {attach::Attach, escape::Escaping, label_in::LabelIn};
