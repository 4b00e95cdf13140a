//! The stages encode and stamp, and the commit of the encoded record; the session (hello and close) and the counters
//! that belong to it. Uses `transport` and `sys`.

mod account;
mod built;
mod counters;
mod fragments;
mod hello;
#[cfg(feature = "scope")]
mod kept;
mod session;
#[cfg(feature = "tracing")]
mod span;
mod thread;
#[cfg(feature = "scope")]
mod unsent;
mod writer;

pub use counters::Counts;
pub(crate) use writer::{RecordWriter, Settings};
#[cfg(feature = "scope")]
pub(crate) use {
    kept::Keeper,
    unsent::{Batch, Unsent},
};
