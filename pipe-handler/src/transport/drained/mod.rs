//! Delivery to something other than a pipe: log calls leave frames in a queue, which a task of the program writes.

mod drain;
mod queue;

pub(crate) use queue::Queue;

pub use drain::Drain;
