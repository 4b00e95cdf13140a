use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime for a thread of our own: with I/O and nothing else.
///
/// It can be dropped anywhere. A plain one panics where it is dropped within another runtime, which is what happens where
/// the thread that it was for cannot be had.
#[derive(Debug)]
pub(crate) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        Ok(Self(Some(runtime)))
    }

    /// `None` never comes: the runtime is there until it is dropped.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        Some(self.0.as_ref()?.block_on(future))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
