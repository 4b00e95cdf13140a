//! The commit stage: the ways from encoded frames to the pipe. Uses `sys`, and knows nothing about records except that
//! they are whole frames.

mod address;
#[cfg(feature = "buffered")]
pub(crate) mod buffered;
#[cfg(any(feature = "buffered", feature = "shared-buffer"))]
mod delivery;
#[cfg(feature = "shared-buffer")]
#[cfg_attr(
    not(all(target_os = "linux", target_has_atomic = "64")),
    allow(dead_code, reason = "nothing is put into rings there")
)]
mod late_frame;
mod overflow;
mod pipe;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) mod shared;
#[cfg(all(
    feature = "shared-buffer",
    not(all(target_os = "linux", target_has_atomic = "64"))
))]
#[path = "shared_unsupported.rs"]
pub(crate) mod shared;
#[cfg(feature = "shared-buffer")]
mod wait_read_error;
mod write_end;
mod write_flags;

#[cfg(any(feature = "buffered", feature = "shared-buffer"))]
pub use delivery::Delivery;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) use late_frame::CompleteFrame;
#[cfg(feature = "shared-buffer")]
pub(crate) use late_frame::{LateFrame, Put};
pub use overflow::Overflow;
#[cfg(feature = "shared-buffer")]
pub use wait_read_error::WaitReadError;
pub(crate) use {
    address::Address,
    overflow::{Deadline, pause},
    pipe::{PIPE_BUF, Pipe, Written},
    write_end::{WriteEnd, identity},
};

#[cfg(feature = "buffered")]
use std::sync::Arc;
#[cfg(feature = "shared-buffer")]
use std::time::Duration;

#[cfg(feature = "buffered")]
use self::buffered::Queue;
#[cfg(feature = "shared-buffer")]
use self::shared::SharedBuffer;

/// How frames leave this process.
#[derive(Debug)]
pub(crate) enum Transport {
    /// The thread that logs writes to the pipe.
    Direct(Pipe),
    /// Through a buffer that the parent shares; in a process that has no ring of it, directly.
    #[cfg(feature = "shared-buffer")]
    Shared(Box<SharedBuffer>, Pipe),
    /// Through a queue to a pipe.
    ///
    /// A forked child has neither the drain's thread nor a queue of its own, so it writes directly. So does every
    /// thread once the drain has ended.
    #[cfg(feature = "buffered")]
    Buffered(Arc<Queue>, Pipe),
    /// Through a queue to a writer that only the drain has.
    #[cfg(feature = "buffered")]
    Custom(Arc<Queue>),
}

impl Transport {
    /// Whether a thread that waits here cannot be one that the drain needs.
    #[cfg(feature = "scope")]
    pub(crate) fn may_wait_here(&self) -> bool {
        match self {
            #[cfg(feature = "buffered")]
            Self::Custom(_) => !Queue::may_be_drained_here(),
            _ => true,
        }
    }

    /// Writes whole frames of at most `PIPE_BUF` bytes together.
    pub(crate) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        match self {
            Self::Direct(pipe) => pipe.write(frames, deadline),
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, pipe) => match shared.write(frames, pipe, deadline) {
                Some(written) => written,
                None => pipe.write(frames, deadline),
            },
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => match queue.push(frames, Some(pipe), deadline) {
                // There is no drain. The thread's older records are written first.
                Written::Gone => match queue.settle(pipe, deadline) {
                    Written::Whole => pipe.write(frames, deadline),
                    written => written,
                },
                written => written,
            },
            #[cfg(feature = "buffered")]
            Self::Custom(queue) => queue.push(frames, None, deadline),
        }
    }

    /// Writes a record that was logged at `time` and that is complete in these frames.
    #[inline]
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn write_record(
        &self,
        frames: &[u8],
        time: u64,
        deadline: &mut Deadline,
    ) -> Written {
        let is_done = match self {
            Self::Direct(_) => false,
            #[cfg(feature = "shared-buffer")]
            Self::Shared(..) => false,
            // If the pipe has no room or no reader at this moment, `write` below handles that.
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) if queue.is_after_pause(time) => {
                pipe.write(frames, &mut Deadline::no_wait()) == Written::Whole
            }
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.push_at_once(frames, Some(pipe), deadline),
            #[cfg(feature = "buffered")]
            Self::Custom(queue) => queue.push_at_once(frames, None, deadline),
        };
        if is_done {
            return Written::Whole;
        }
        self.write(frames, deadline)
    }

    /// Returns the shared buffer, and the pipe beside it.
    #[cfg(feature = "shared-buffer")]
    #[inline]
    pub(crate) fn shared(&self) -> Option<(&SharedBuffer, &Pipe)> {
        match self {
            Self::Shared(shared, pipe) => Some((shared, pipe)),
            _ => None,
        }
    }

    /// Whether this process has rings of a shared buffer.
    pub(crate) fn has_rings(&self) -> bool {
        match self {
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, _) => shared.has_rings(),
            _ => false,
        }
    }

    /// Waits until the parent has read everything that this process has logged.
    #[cfg(feature = "shared-buffer")]
    pub(crate) fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        match self {
            Self::Shared(shared, pipe) => shared.wait_read(pipe, timeout),
            _ => Err(WaitReadError::Pipe),
        }
    }

    /// Begins the session of this process with this instance, before its hello.
    #[cfg_attr(not(feature = "shared-buffer"), allow(unused_variables))]
    pub(crate) fn begin(&self, instance: u32) {
        #[cfg(feature = "shared-buffer")]
        if let Self::Shared(shared, _) = self {
            shared.begin(instance);
        }
    }

    /// Gives the rings of a shared buffer back; later frames go through the pipe.
    #[cfg_attr(not(feature = "shared-buffer"), allow(unused_variables))]
    pub(crate) fn give_rings_back(&self, deadline: &mut Deadline) {
        #[cfg(feature = "shared-buffer")]
        if let Self::Shared(shared, pipe) = self {
            shared.retire(pipe, deadline);
        }
    }

    /// Counts a dropped record where the parent sees it. Returns `false` if it must be reported in a frame.
    #[cfg_attr(not(feature = "shared-buffer"), allow(unused_variables))]
    pub(crate) fn note_dropped(&self, level: log::Level) -> bool {
        match self {
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, _) => shared.note_dropped(level as usize),
            _ => false,
        }
    }

    /// Writes the hello, which precedes all other frames.
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
            Self::Custom(queue) if queue.is_live() => {
                queue.push_hello(hello);
                Written::Whole
            }
            _ => self.write(hello, deadline),
        }
    }

    /// Waits until everything written so far has left this process. Returns `false` if the deadline was too short.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn flush(&self, deadline: &mut Deadline) -> bool {
        match self {
            Self::Direct(_) => true,
            #[cfg(feature = "shared-buffer")]
            Self::Shared(..) => true,
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.flush(Some(pipe), deadline),
            #[cfg(feature = "buffered")]
            Self::Custom(queue) => queue.flush(None, deadline),
        }
    }

    /// Stops the drain of a pipe, so that all threads write directly from then on. Returns `false` if the deadline was
    /// too short.
    #[cfg_attr(not(feature = "buffered"), allow(unused_variables))]
    pub(crate) fn stop(&self, deadline: &mut Deadline) -> bool {
        match self {
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, pipe) => queue.stop(pipe, deadline),
            #[cfg(feature = "shared-buffer")]
            Self::Shared(..) => {
                self.give_rings_back(deadline);
                true
            }
            _ => true,
        }
    }

    /// Lets the drain end once it has written everything, and gives the rings of a shared buffer back.
    pub(crate) fn close(&self) {
        match self {
            Self::Direct(_) => {}
            // The other threads may be writing into their rings at this moment, but not for long.
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, pipe) => shared.retire(pipe, &mut Deadline::no_wait()),
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Custom(queue) => queue.close(),
        }
    }

    /// Returns the pipe, or `None` if the frames go to something else.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        match self {
            Self::Direct(pipe) => Some(pipe),
            #[cfg(feature = "shared-buffer")]
            Self::Shared(_, pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Buffered(_, pipe) => Some(pipe),
            #[cfg(feature = "buffered")]
            Self::Custom(_) => None,
        }
    }

    /// Returns the value of `RECORD_PIPE` for a child that gets the pipe under this address.
    pub(crate) fn address(&self, pipe: Address) -> String {
        match self {
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, _) => format!("{pipe}{}", shared.address()),
            _ => pipe.to_string(),
        }
    }

    /// Sets whether the shared buffer is closed in programs that this process starts.
    #[cfg_attr(not(feature = "shared-buffer"), allow(unused_variables))]
    pub(crate) fn set_buffer_close_on_exec(&self, on: bool) {
        #[cfg(feature = "shared-buffer")]
        if let Self::Shared(shared, _) = self {
            shared.set_close_on_exec(on);
        }
    }

    /// Whether the drain has found that there is no reader, or the reader of a shared buffer has stopped.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Direct(_) => false,
            #[cfg(feature = "shared-buffer")]
            Self::Shared(shared, _) => shared.is_closed(),
            #[cfg(feature = "buffered")]
            Self::Buffered(queue, _) | Self::Custom(queue) => queue.is_gone(),
        }
    }
}
