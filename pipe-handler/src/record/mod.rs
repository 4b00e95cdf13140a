mod close;
mod counters;
mod frames;
mod hello;
mod session;
mod thread;
mod writer;

pub use counters::Counts;
pub(crate) use writer::{RecordWriter, Settings};
