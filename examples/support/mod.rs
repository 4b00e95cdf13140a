//! Code that several examples share: options, printing, and the standard streams and signals as they were inherited.

pub(crate) mod before_main;
mod figures;
pub(crate) mod inherited;
mod options;
mod printer;
pub(crate) mod stdio;
mod text;

pub(crate) use options::options;
pub(crate) use printer::{Format, Printer};
pub(crate) use stdio::{Blocking, eprint_line};
