//! Records that become events of tracing. Each test has dispatchers of its own.

mod call_sites;
mod dispatchers;
mod fields;
mod filters;
mod spans;
mod support;
