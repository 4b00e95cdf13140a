//! The stage after reading: decodes payloads, joins fragments, counts records by process, and makes the summary. May
//! use `sys`.

mod accounts;
#[cfg(feature = "capture")]
mod captured;
mod process_account;
mod reasons;
mod receiver;
mod summary;
mod summary_line;
mod tee;
#[cfg(feature = "frames")]
mod whole_frame;

#[cfg(feature = "capture")]
pub use captured::CapturedStream;
#[cfg(feature = "capture")]
pub(crate) use reasons::NOT_ADOPTED;
pub use summary::{ProcessSummary, StreamEnd, Summary};
#[cfg(feature = "frames")]
pub use whole_frame::{FrameKind, WholeFrame};
pub(crate) use {receiver::Receiver, tee::Tee};
