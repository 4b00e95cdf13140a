//! Code that several examples share: options, printing, and the standard streams and signals as they were inherited.

pub(crate) mod before_main;
mod figures;
mod filter;
mod gaps;
pub(crate) mod inherited;
mod options;
mod printer;
mod stats;
pub(crate) mod stdio;
mod table;
mod text;

pub(crate) use filter::Filter;
pub(crate) use options::options;
pub(crate) use printer::{Format, Printer, TextOptions};
pub(crate) use stdio::{Blocking, eprint_line};
