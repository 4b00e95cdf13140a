//! A runtime that is had or refused, without a panic.

use std::{io, os::unix::net::UnixStream};

use tokio::runtime::{Builder, Runtime};

/// On one thread: of more, those that cannot be had are a panic.
///
/// # Errors
///
/// If there are too few descriptors.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let named = |error| io::Error::other(format!("cannot start: {error}"));
    // Without those of its signals tokio panics: as many as it takes are tried before.
    let tried: io::Result<Vec<_>> = (0..3).map(|_| UnixStream::pair()).collect();
    drop(tried.map_err(named)?);
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(named)
}
