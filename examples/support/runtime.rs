//! A tokio runtime whose creation fails with an error and never panics.

use std::{io, os::unix::net::UnixStream};

use tokio::runtime::{Builder, Runtime};

/// Returns a runtime of one thread: tokio panics if it cannot start the threads of a larger one.
///
/// # Errors
///
/// If there are too few descriptors.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let named = |error| io::Error::other(format!("cannot start: {error}"));
    // tokio panics if it gets no descriptors for its signal handling, so their number is tried first.
    let tried: io::Result<Vec<_>> = (0..3).map(|_| UnixStream::pair()).collect();
    drop(tried.map_err(named)?);
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(named)
}
