mod child_pipe;
mod coop_budget;
mod exit;
mod frame_reader;
#[cfg(target_os = "linux")]
mod pacing;
#[cfg(target_os = "linux")]
mod pipe;
#[cfg(not(target_os = "linux"))]
#[path = "pipe_unsupported.rs"]
mod pipe;
#[cfg(target_os = "linux")]
mod ticker;

pub use child_pipe::ChildPipe;
pub(crate) use frame_reader::FrameReader;
