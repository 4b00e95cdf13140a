//! The commit stage: the ways from encoded frames to the parent. Uses `sys`, and knows nothing about records except that
//! they are whole frames.

mod address;
mod buffer_address;
mod delivery;
#[cfg(feature = "drain")]
pub(crate) mod drained;
mod late_frame;
mod overflow;
mod pipe;
// The room of the shared buffer, and its twin for builds without it.
mod own_fd;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) mod shared;
#[cfg(not(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
)))]
#[path = "shared_unsupported.rs"]
pub(crate) mod shared;
mod wait_read_error;
mod write_flags;

pub(crate) use {
    address::Address,
    buffer_address::BufferAddress,
    late_frame::{LateFrame, Put},
    overflow::{Deadline, pause},
    own_fd::{OwnFd, identity},
    pipe::{PIPE_BUF, Pipe, Written},
};
pub use {delivery::Delivery, overflow::Overflow, wait_read_error::WaitReadError};

#[cfg(feature = "drain")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "drain")]
use self::drained::Queue;
use self::shared::SharedBuffer;

/// How frames leave this process.
#[derive(Debug)]
pub(crate) enum Transport {
    /// The thread that logs writes to the pipe.
    Direct(Pipe),
    /// Through a buffer that the parent shares; in a process that has no ring of it, directly.
    Shared(Box<SharedBuffer>, Pipe),
    /// Through a queue to a writer that only the drain has.
    #[cfg(feature = "drain")]
    Drained(Arc<Queue>),
}

impl Transport {
    /// Writes a frame in one piece, and completes it once there is room.
    #[inline(always)]
    pub(crate) fn put(&self, frame: &mut impl LateFrame, deadline: &mut Deadline) -> Put {
        if let Self::Shared(shared, pipe) = self
            && let Some(put) = shared.put(frame, pipe, deadline)
        {
            return put;
        }
        // A pipe has no room to wait for: another thread may take it. So the frame is completed before it is written.
        match frame.longest() <= PIPE_BUF {
            true => Put::Done(self.write_all(frame.finish(), deadline)),
            false => Put::TooLong(PIPE_BUF),
        }
    }

    /// Writes whole frames of at most `PIPE_BUF` bytes together, which are not records.
    pub(crate) fn write(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        if let Self::Shared(shared, pipe) = self
            && let Some(written) = shared.write(frames, pipe, deadline)
        {
            return written;
        }
        self.write_all(frames, deadline)
    }

    /// Writes frames to the pipe, or leaves them for the drain.
    fn write_all(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        match self {
            Self::Direct(pipe) | Self::Shared(_, pipe) => pipe.write(frames, deadline),
            #[cfg(feature = "drain")]
            Self::Drained(queue) => queue.push(frames, deadline),
        }
    }

    /// Begins the session of this process with this instance, before its hello.
    pub(crate) fn begin(&self, instance: u32) {
        if let Self::Shared(shared, _) = self {
            shared.begin(instance);
        }
    }

    fn shared(&self) -> Option<(&SharedBuffer, &Pipe)> {
        match self {
            Self::Shared(shared, pipe) => Some((shared, pipe)),
            _ => None,
        }
    }

    /// Whether this process has rings of a shared buffer.
    pub(crate) fn has_rings(&self) -> bool {
        self.shared().is_some_and(|(shared, _)| shared.has_rings())
    }

    /// Counts a dropped record where the parent sees it. Returns `false` if it must be reported in a frame.
    pub(crate) fn note_dropped(&self, level: log::Level) -> bool {
        self.shared()
            .is_some_and(|(shared, _)| shared.note_dropped(level as usize))
    }

    /// Waits until the parent has read everything that this process has logged.
    pub(crate) fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        let (shared, pipe) = self.shared().ok_or(WaitReadError::Pipe)?;
        shared.wait_read(pipe, timeout)
    }

    /// Waits until everything written so far has left this process. Returns `false` if the deadline was too short.
    #[cfg_attr(
        not(feature = "drain"),
        expect(unused_variables, reason = "nothing is held")
    )]
    pub(crate) fn flush(&self, deadline: &mut Deadline) -> bool {
        match self {
            Self::Direct(_) | Self::Shared(..) => true,
            #[cfg(feature = "drain")]
            Self::Drained(queue) => queue.flush(deadline),
        }
    }

    /// Gives the rings of a shared buffer back; later frames go through the pipe.
    pub(crate) fn give_rings_back(&self, deadline: &mut Deadline) {
        if let Self::Shared(shared, pipe) = self {
            shared.retire(pipe, deadline);
        }
    }

    /// Ends the writing of a handler that is dropped.
    pub(crate) fn close(&self) {
        match self {
            Self::Direct(_) => {}
            // The other threads may be writing into their rings at this moment, but not for long.
            Self::Shared(..) => self.give_rings_back(&mut Deadline::no_wait()),
            #[cfg(feature = "drain")]
            Self::Drained(queue) => queue.close(),
        }
    }

    /// Returns the pipe, or `None` if the frames go to something else.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        match self {
            Self::Direct(pipe) | Self::Shared(_, pipe) => Some(pipe),
            #[cfg(feature = "drain")]
            Self::Drained(_) => None,
        }
    }

    /// Returns the value of `RECORD_PIPE` for a child of this process; `None` if there is no pipe, or not any more.
    pub(crate) fn address(&self) -> Option<String> {
        let pipe = self.pipe()?.address()?;
        let buffer = self.shared().and_then(|(shared, _)| shared.address());
        Some(match buffer {
            Some(buffer) => format!("{pipe}{buffer}"),
            None => pipe.to_string(),
        })
    }

    /// Sets whether pipe and buffer are closed in programs that this process starts.
    pub(crate) fn set_close_on_exec(&self, on: bool) {
        // It does not fail for a descriptor that is open, and nothing could be done about a failure.
        if let Some(pipe) = self.pipe() {
            let _set = pipe.set_close_on_exec(on);
        }
        if let Self::Shared(shared, _) = self {
            shared.set_close_on_exec(on);
        }
    }

    /// Whether the reader of a shared buffer has stopped, or a drain has found that there is no reader.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Direct(_) => false,
            Self::Shared(shared, _) => shared.is_closed(),
            #[cfg(feature = "drain")]
            Self::Drained(queue) => queue.is_gone(),
        }
    }

    /// Whether a thread that waits here cannot be one that the drain needs.
    #[cfg(feature = "scope")]
    pub(crate) fn may_wait_here(&self) -> bool {
        match self {
            #[cfg(feature = "drain")]
            Self::Drained(_) => !Queue::may_be_drained_here(),
            _ => true,
        }
    }
}
