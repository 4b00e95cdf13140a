//! Buffered delivery: log calls leave frames in a ring of their thread, and a drain writes the frames of all rings.

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
