mod close;
mod counters;
mod frames;
mod hello;
mod session;
mod thread;
mod writer;

pub use counters::Closed;
pub(crate) use writer::{Outlet, Settings};
