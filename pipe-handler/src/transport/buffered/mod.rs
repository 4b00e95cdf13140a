pub(crate) mod drain;
mod drain_waker;
mod fence;
mod leftovers;
mod pipe_writer;
mod progress;
mod queue;
mod rings;
mod staging;

pub(crate) use queue::Queue;
pub use {drain::Drain, pipe_writer::AsyncPipe};
