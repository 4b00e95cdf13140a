//! Builds and systems without shared buffers: every frame goes through the pipe.

use std::{convert::Infallible, time::Duration};

use super::{BufferAddress, Deadline, LateFrame, Pipe, WaitReadError, Written};

/// A buffer, which does not exist here.
#[derive(Debug)]
pub(crate) struct SharedBuffer(Infallible);

impl SharedBuffer {
    pub(crate) fn adopt(_: &BufferAddress) -> Result<Self, ()> {
        Err(())
    }

    pub(crate) fn begin(&self, _: u32) {
        match self.0 {}
    }

    pub(crate) fn rings(&self) -> Option<&Self> {
        match self.0 {}
    }

    pub(crate) fn put(
        &self,
        _: &mut impl LateFrame,
        _: &Pipe,
        _: &mut Deadline,
    ) -> Option<Written> {
        match self.0 {}
    }

    pub(crate) fn has_rings(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn note_dropped(&self, _: usize) -> bool {
        match self.0 {}
    }

    pub(crate) fn retire(&self, _: &Pipe, _: &mut Deadline) {
        match self.0 {}
    }

    pub(crate) fn wait_read(&self, _: &Pipe, _: Duration) -> Result<(), WaitReadError> {
        match self.0 {}
    }

    pub(crate) fn address(&self) -> Option<BufferAddress> {
        match self.0 {}
    }

    pub(crate) fn set_close_on_exec(&self, _: bool) {
        match self.0 {}
    }
}
