//! The first stage: makes the pipe, starts the child with the write end, or hands the write end to whoever starts it,
//! and returns a subscriber for the read end.
//! May use `subscriber`, `capture`, `read` and `dispatch`.

#[cfg(feature = "shared-buffer")]
mod buffer;
mod buffer_offer;
mod builder;
#[cfg(feature = "capture")]
mod capture;
mod command;
mod filter;
mod handover;
#[cfg(feature = "capture")]
mod line_pipes;
mod prepare;
mod rate_limit;
mod settings;
mod start;
mod trace_context;

pub use {builder::Spawn, command::SpawnCommand, handover::Via, prepare::Handover, start::spawn};
