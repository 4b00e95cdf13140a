mod address;
#[cfg(feature = "buffered")]
pub(crate) mod buffered;
#[cfg(feature = "buffered")]
mod delivery;
mod overflow;
mod pipe;
mod write_end;
mod write_flags;

#[cfg(feature = "buffered")]
pub use delivery::Delivery;
pub use overflow::Overflow;
pub(crate) use {
    address::Address,
    overflow::{Deadline, pause},
    pipe::{PIPE_BUF, Pipe, Written},
    write_end::{WriteEnd, identity},
};

#[cfg(feature = "buffered")]
use std::sync::Arc;

#[cfg(feature = "buffered")]
use self::buffered::Queue;

/// How frames leave this process.
#[derive(Debug)]
pub(crate) enum Transport {
    /// At once, by the thread that logs.
    Direct(Pipe),
    /// Through a queue, to a pipe. A forked child finds the drain's thread and its own queue dead: it writes directly,
    /// and so does everybody once the drain has ended.
    #[cfg(feature = "buffered")]
    Buffered(Arc<Queue>, Pipe),
    /// Through a queue, to something that only the drain knows.
    #[cfg(feature = "buffered")]
    Heap(Arc<Queue>),
}

impl Transport {
    /// Writes whole frames of at most `PIPE_BUF` bytes together.
    pub(crate) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        match self {
            Self::Direct(pipe) => pipe.write(frames, deadline),
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => match queue.push(frames, Some(pipe), deadline) {
                // Older records first.
                Written::Gone => match queue.settle(pipe, deadline) {
                    Written::Whole => pipe.write(frames, deadline),
                    written => written,
                },
                written => written,
            },
            #[cfg(feature = "buffered")]
            Self::Heap(queue) => queue.push(frames, None, deadline),
        }
    }

    /// Writes a record that was logged at `time` and is whole in these frames.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn write_record(
        &self,
        frames: &[u8],
        time: u64,
        deadline: &mut Deadline,
    ) -> Written {
        let is_done = match self {
            Self::Direct(_) => false,
            // Where it has no room or no reader at once, it takes the usual way.
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) if queue.is_after_pause(time) => {
                pipe.write(frames, &mut Deadline::no_wait()) == Written::Whole
            }
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.push_at_once(frames, Some(pipe), deadline),
            #[cfg(feature = "buffered")]
            Self::Heap(queue) => queue.push_at_once(frames, None, deadline),
        };
        if is_done {
            return Written::Whole;
        }
        self.write(frames, deadline)
    }

    /// Writes the frame that comes before all others.
    pub(crate) fn write_hello(&self, hello: &[u8], deadline: &mut Deadline) -> Written {
        match self {
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) if queue.is_live() => {
                if pipe.write(hello, &mut Deadline::no_wait()) != Written::Whole {
                    queue.push_hello(hello);
                }
                Written::Whole
            }
            #[cfg(feature = "buffered")]
            Self::Heap(queue) if queue.is_live() => {
                queue.push_hello(hello);
                Written::Whole
            }
            _ => self.write(hello, deadline),
        }
    }

    /// Waits until everything that was written is out of this process's hands.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn flush(&self, deadline: &mut Deadline) -> bool {
        match self {
            Self::Direct(_) => true,
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.flush(Some(pipe), deadline),
            #[cfg(feature = "buffered")]
            Self::Heap(queue) => queue.flush(None, deadline),
        }
    }

    /// Has everything written directly from here on; `false` where the time was too short for that.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn stop(&self, deadline: &mut Deadline) -> bool {
        match self {
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.stop(pipe, deadline),
            _ => true,
        }
    }

    /// Lets a drain end.
    pub(crate) fn close(&self) {
        match self {
            Self::Direct(_) => {}
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Heap(queue) => queue.close(),
        }
    }

    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        match self {
            Self::Direct(pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Buffered(_, pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Heap(_) => None,
        }
    }

    /// Whether the drain has found that nobody reads.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Direct(_) => false,
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Heap(queue) => queue.is_gone(),
        }
    }
}
