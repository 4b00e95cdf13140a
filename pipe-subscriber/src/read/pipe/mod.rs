//! The read end of a pipe: waits in the runtime's poll, or for ticks while its writer is busy. May use `sys`, and the
//! ticks of the folder above.

mod paced;
mod pacing;
#[expect(clippy::module_inception, reason = "the folder's one noun")]
mod pipe;
mod system;

pub(super) use pipe::Pipe;
