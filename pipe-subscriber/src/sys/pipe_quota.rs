//! Larger pipes, within a quota of this process.

use std::{
    os::fd::OwnedFd,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::pipe::fcntl_setpipe_size;

/// The size of an enlarged pipe in bytes: four times the default. A fast writer seldom has to wait for its reader then.
const PIPE_SIZE: usize = 256 * 1024;

/// The number of enlarged pipes that this process may have at a time; together they have 16 MiB.
///
/// The system has a quota of 64 MiB for all programs of a user. Once it is used up, every new pipe of that user has
/// 8 KiB only.
const MAX_LARGE_PIPES: usize = 16 * 1024 * 1024 / PIPE_SIZE;

/// The number of permits that are held.
///
/// All accesses are Relaxed: they are read-modify-writes of this one number, which are atomic in any ordering, and no
/// other memory is published by it.
static LARGE_PIPES: AtomicUsize = AtomicUsize::new(0);

/// The permit of one enlarged pipe. Dropping it returns it to the quota.
#[derive(Debug)]
pub(crate) struct QuotaPermit(());

impl QuotaPermit {
    /// Enlarges a pipe. Returns `None`, and leaves the pipe as it is, if the quota is used up or the system refuses.
    pub(crate) fn take(pipe: &OwnedFd) -> Option<Self> {
        let one_more = |count| (count < MAX_LARGE_PIPES).then_some(count + 1);
        LARGE_PIPES
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        let permit = Self(());
        fcntl_setpipe_size(pipe, PIPE_SIZE).ok()?;
        Some(permit)
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        LARGE_PIPES.fetch_sub(1, Ordering::Relaxed);
    }
}
