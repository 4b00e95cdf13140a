//! Delivery to something other than a pipe: log calls leave frames in a queue, which a task of the program writes.

mod at_work;
mod drain;
mod queue;

pub(crate) use {at_work::is_at_work, queue::Queue};

pub use drain::Drain;

use std::sync::Arc;

use super::{Deadline, Transport};

impl Transport {
    pub(crate) fn over(queue: Arc<Queue>) -> Self {
        Self {
            pipe: None,
            shared: None,
            queue: Some(queue),
        }
    }

    /// Waits until the drain, if there is one, has written everything so far. Returns `false` if the deadline was too
    /// short, and if a drain is at work in this thread, which must not wait for itself.
    pub(crate) fn flush(&self, deadline: &mut Deadline) -> bool {
        let queue = self.queue.as_ref();
        queue.is_none_or(|queue| !is_at_work() && queue.flush(deadline))
    }
}
