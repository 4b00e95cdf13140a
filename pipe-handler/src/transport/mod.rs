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
    overflow::{Patience, pause},
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
    Elsewhere(Arc<Queue>),
}

impl Transport {
    /// Writes whole frames of at most `PIPE_BUF` bytes together.
    pub(crate) fn write(&self, frames: &[u8], patience: &mut Patience) -> Written {
        match self {
            Self::Direct(pipe) => pipe.write(frames, patience),
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => match queue.push(frames, Some(pipe), patience) {
                // Older records first.
                Written::Gone => match queue.settle(pipe, patience) {
                    Written::Whole => pipe.write(frames, patience),
                    written => written,
                },
                written => written,
            },
            #[cfg(feature = "buffered")]
            Self::Elsewhere(queue) => queue.push(frames, None, patience),
        }
    }

    /// Writes a record that was logged at `time` and is whole in these frames.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn write_record(
        &self,
        frames: &[u8],
        time: u64,
        patience: &mut Patience,
    ) -> Written {
        let is_done = match self {
            Self::Direct(_) => false,
            // Where it has no room or no reader at once, it takes the usual way.
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) if queue.is_quiet(time) => {
                pipe.write(frames, &mut Patience::none()) == Written::Whole
            }
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.push_at_once(frames, Some(pipe), patience),
            #[cfg(feature = "buffered")]
            Self::Elsewhere(queue) => queue.push_at_once(frames, None, patience),
        };
        if is_done {
            return Written::Whole;
        }
        self.write(frames, patience)
    }

    /// Writes the frame that comes before all others.
    pub(crate) fn greet(&self, hello: &[u8], patience: &mut Patience) -> Written {
        match self {
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) if queue.is_live() => {
                if pipe.write(hello, &mut Patience::none()) != Written::Whole {
                    queue.greet(hello);
                }
                Written::Whole
            }
            #[cfg(feature = "buffered")]
            Self::Elsewhere(queue) if queue.is_live() => {
                queue.greet(hello);
                Written::Whole
            }
            _ => self.write(hello, patience),
        }
    }

    /// Waits until everything that was written is out of this process's hands.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn flush(&self, patience: &mut Patience) -> bool {
        match self {
            Self::Direct(_) => true,
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.flush(Some(pipe), patience),
            #[cfg(feature = "buffered")]
            Self::Elsewhere(queue) => queue.flush(None, patience),
        }
    }

    /// Has everything written directly from here on; `false` where the time was too short for that.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn stop(&self, patience: &mut Patience) -> bool {
        match self {
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.stop(pipe, patience),
            _ => true,
        }
    }

    /// Lets a drain end.
    pub(crate) fn close(&self) {
        match self {
            Self::Direct(_) => {}
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Elsewhere(queue) => queue.close(),
        }
    }

    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        match self {
            Self::Direct(pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Buffered(_, pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Elsewhere(_) => None,
        }
    }

    /// Whether the drain has found that nobody reads.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Direct(_) => false,
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Elsewhere(queue) => queue.is_gone(),
        }
    }
}
