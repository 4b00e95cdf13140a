//! The commit stage: the ways from encoded frames to the parent. Uses `sys`, and knows nothing about records except that
//! they are whole frames.

mod address;
mod delivery;
#[cfg(feature = "drain")]
pub(crate) mod drained;
mod late_frame;
mod overflow;
mod own_fd;
mod pipe;
// The room of the shared buffer, or its twin in builds without it.
#[cfg_attr(
    not(all(
        feature = "shared-buffer",
        target_os = "linux",
        target_has_atomic = "64"
    )),
    path = "shared_unsupported.rs"
)]
pub(crate) mod shared;
mod wait_read_error;
mod written;

pub(crate) use {
    address::{Address, BufferAddress},
    late_frame::LateFrame,
    overflow::{Deadline, pause},
    own_fd::{OwnFd, identity},
    pipe::{PIPE_BUF, Pipe},
    written::Written,
};
pub use {delivery::Delivery, overflow::Overflow, wait_read_error::WaitReadError};

#[cfg(feature = "drain")]
use std::sync::Arc;

#[cfg(feature = "drain")]
use self::drained::Queue;
use self::shared::SharedBuffer;

/// How frames leave this process.
#[derive(Debug)]
pub(crate) struct Transport {
    /// `None` if the frames go to something other than a pipe.
    pub(crate) pipe: Option<Pipe>,
    /// The buffer that the parent shares. In a process that has no ring of it, frames go through the pipe.
    pub(crate) shared: Option<Box<SharedBuffer>>,
    /// The way to a writer that only the drain has, instead of a pipe.
    #[cfg(feature = "drain")]
    queue: Option<Arc<Queue>>,
}

impl Transport {
    pub(crate) fn new(pipe: Pipe, shared: Option<SharedBuffer>) -> Self {
        Self {
            pipe: Some(pipe),
            shared: shared.map(Box::new),
            #[cfg(feature = "drain")]
            queue: None,
        }
    }

    /// Writes a frame in one piece, and completes it once there is room.
    #[inline(always)]
    pub(crate) fn put(&self, frame: &mut impl LateFrame, deadline: &mut Deadline) -> Written {
        if let Some((shared, pipe)) = self.shared()
            && let Some(rings) = shared.rings()
            && let Some(written) = rings.put(frame, pipe, deadline)
        {
            return written;
        }
        // A pipe has no room to wait for: another thread may take it. So the frame is completed before it is written.
        match frame.longest() <= PIPE_BUF {
            true => self.write(frame.finish(true), deadline),
            false => Written::TooLong(PIPE_BUF),
        }
    }

    /// Writes a frame of at most `PIPE_BUF` bytes to the pipe, or leaves it for the drain.
    fn write(&self, frame: &[u8], deadline: &mut Deadline) -> Written {
        #[cfg(feature = "drain")]
        if let Some(queue) = &self.queue {
            return queue.push(frame, deadline);
        }
        let pipe = self.pipe.as_ref();
        pipe.map_or(Written::Gone, |pipe| pipe.write(frame, deadline))
    }

    /// Returns the buffer, and the pipe beside it.
    #[inline(always)]
    pub(crate) fn shared(&self) -> Option<(&SharedBuffer, &Pipe)> {
        Some((self.shared.as_deref()?, self.pipe.as_ref()?))
    }

    /// Gives the rings of a shared buffer back; later frames go through the pipe.
    pub(crate) fn give_rings_back(&self, deadline: &mut Deadline) {
        if let Some((shared, pipe)) = self.shared() {
            shared.retire(pipe, deadline);
        }
    }

    /// Ends the writing of a handler that is dropped.
    pub(crate) fn close(&self) {
        // The other threads may be writing into their rings at this moment, but not for long.
        self.give_rings_back(&mut Deadline::no_wait());
        #[cfg(feature = "drain")]
        self.queue.as_ref().inspect(|queue| queue.close());
    }

    /// Returns the value of `RECORD_PIPE` for a child of this process; `None` if there is no pipe, or not any more.
    pub(crate) fn address(&self) -> Option<String> {
        let pipe = self.pipe.as_ref()?.end.address()?;
        let buffer = self.shared.as_ref().and_then(|shared| shared.address());
        Some(match buffer {
            Some(BufferAddress { file, size }) => format!("v1:{pipe}:{file}:{size}"),
            None => format!("v1:{pipe}"),
        })
    }

    /// Sets whether pipe and buffer are closed in programs that this process starts.
    pub(crate) fn set_close_on_exec(&self, on: bool) {
        if let Some(pipe) = &self.pipe {
            pipe.end.set_close_on_exec(on);
        }
        if let Some(shared) = &self.shared {
            shared.set_close_on_exec(on);
        }
    }

    /// Whether the reader of a shared buffer has stopped, or a drain has found that there is no reader.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        #[cfg(feature = "drain")]
        if let Some(queue) = &self.queue {
            return queue.is_gone();
        }
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| shared.is_closed())
    }
}
