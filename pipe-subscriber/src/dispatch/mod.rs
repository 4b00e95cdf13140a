//! The last stage of a record's way: escapes its text, adds the label and the parent's key-values, and calls the
//! logger. Needs nothing of the other folders.

mod attach;
mod escape;
mod label_in;
mod logger;
mod parent_keys;

pub(crate) use logger::Dispatch;
pub use {attach::Attach, escape::Escaping, label_in::LabelIn};
