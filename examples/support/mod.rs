//! What `run_child` and `record_cat` share: how records and summaries are printed.

mod figures;
mod printer;
mod text;

pub(crate) use printer::{Format, Printer, say};
