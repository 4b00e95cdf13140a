use std::{
    os::fd::OwnedFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::pipe::fcntl_setpipe_size;

/// How large a pipe is asked for: four times the default, in which a fast writer seldom has to wait for its reader.
const PIPE_SIZE: usize = 256 * 1024;

/// How many pipes of this process may be that large at a time: 16 MiB of them.
///
/// The system has a quota of 64 MiB for all programs of a user. Behind it, every new pipe of that user has 8 KiB.
const MAX_LARGE: usize = 16 * 1024 * 1024 / PIPE_SIZE;

static LARGE: AtomicUsize = AtomicUsize::new(0);

/// A large pipe's part of what this process may have, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct QuotaPermit(());

impl QuotaPermit {
    /// Enlarges a pipe, if there is room for it. It stays as it is where the system refuses.
    pub(crate) fn take(pipe: &OwnedFd) -> Option<Self> {
        let one_more = |large| (large < MAX_LARGE).then_some(large + 1);
        LARGE
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        let allowance = Self(());
        fcntl_setpipe_size(pipe, PIPE_SIZE).ok()?;
        Some(allowance)
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        LARGE.fetch_sub(1, Ordering::Relaxed);
    }
}
