//! `PipeLayer` on a pipe of its own, read to the end. The start of a whole process is tested in the package `tests`.
#![cfg(feature = "tracing")]

mod fields;
mod filter;
mod foreign;
mod limits;
mod logs;
mod spans;
mod support;
