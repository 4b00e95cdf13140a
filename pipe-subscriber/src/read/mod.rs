//! The stage before decoding: waits for bytes, copies them out of the pipe, splits them into payloads, and finds the
//! end of the stream. `exit` adds the child's exit to the things that can end it. May use `sys`, and `StreamEnd` of
//! `account`.

mod child_pipe;
mod coop_budget;
mod exit;
mod frame_reader;
#[cfg(target_os = "linux")]
mod pipe;
#[cfg(not(target_os = "linux"))]
#[path = "pipe_unsupported.rs"]
mod pipe;
mod pipe_frames;
#[cfg(feature = "capture")]
mod pipe_gauge;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
mod rings;
#[cfg(not(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
)))]
#[path = "rings_unsupported.rs"]
mod rings;
#[cfg(target_os = "linux")]
mod ticker;

pub use child_pipe::ChildPipe;
pub(crate) use frame_reader::FrameReader;
#[cfg(feature = "capture")]
pub(crate) use pipe_gauge::PipeGauge;
pub(crate) use rings::Rings;
#[cfg(all(
    test,
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) use rings::TestChild;
