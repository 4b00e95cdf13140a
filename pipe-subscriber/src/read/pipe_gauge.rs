//! `PipeGauge`: whether a pipe has bytes, for somebody who does not read it.

use std::{os::fd::OwnedFd, sync::Arc};

use rustix::io::ioctl_fionread;

/// Shows whether a pipe that another value reads has bytes.
#[derive(Debug)]
pub(crate) struct PipeGauge(Arc<OwnedFd>);

impl PipeGauge {
    pub(super) fn new(read_end: Arc<OwnedFd>) -> Self {
        Self(read_end)
    }

    /// Returns whether there is nothing to read, or the system refuses to say.
    pub(crate) fn is_empty(&self) -> bool {
        ioctl_fionread(&self.0).map_or(true, |bytes| bytes == 0)
    }
}
