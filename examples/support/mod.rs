//! What the examples share: how they take their options, meet the streams and signals that they were given, and print.

pub(crate) mod before_main;
mod figures;
pub(crate) mod inherited;
mod options;
mod printer;
pub(crate) mod stdio;
mod text;

pub(crate) use options::options;
pub(crate) use printer::{Format, Printer};
pub(crate) use stdio::{Patient, say};
