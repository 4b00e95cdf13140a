//! The runtime of `run_on_thread`.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime for a thread of this crate, with I/O enabled and nothing else.
///
/// It can be dropped anywhere. tokio's `Runtime` panics if it is dropped within another runtime. That would happen if
/// `run_on_thread` is called within a runtime and the system refuses the thread.
#[derive(Debug)]
pub(crate) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a future to its end. Never returns `None`, because only the drop takes the runtime out.
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
