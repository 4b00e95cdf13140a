//! The public reader: its settings, the ways to run it, and the loop that takes payloads from `read` to `account` and
//! records on to `dispatch`. May use `read`, `account`, `dispatch` and `sys`.

mod drop_warnings;
mod due;
mod error;
#[cfg(feature = "frames")]
mod frames;
mod level_report;
mod live_summary;
mod own_runtime;
mod pipe_subscriber;
mod rate_limit;
mod reader_stream;
mod record_reader;
mod records;
mod run;
#[cfg(feature = "tracing")]
mod run_tracing;
#[cfg(all(
    test,
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
mod shared_buffer_tests;
mod watch;

#[cfg(feature = "frames")]
pub use frames::Frames;
pub(crate) use rate_limit::RateLimit;
pub use {
    error::ReadError, live_summary::LiveSummary, pipe_subscriber::PipeSubscriber, records::Records,
};
