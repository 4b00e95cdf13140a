//! The interface of `exit_watch` on systems other than Linux.

use std::{
    io,
    os::fd::OwnedFd,
    task::{Context, Poll},
    time::Duration,
};

/// A watch that is never created, because these systems have no descriptors for processes: a child's pipe ends at the
/// end of file only.
#[derive(Debug)]
pub(crate) enum ExitWatch {}

impl ExitWatch {
    pub(crate) fn new(_grace: Duration) -> io::Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn start(&mut self, _pid: Option<u32>) {
        match *self {}
    }

    pub(crate) fn start_with_pidfd(&mut self, _pidfd: OwnedFd) {
        match *self {}
    }

    pub(crate) fn poll_grace_over(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    pub(crate) fn set_idle(&mut self, _is_idle: bool) {
        match *self {}
    }
}
