//! The first stage: makes the pipe, starts the child with the write end, and returns a subscriber for the read end.
//! May use `subscriber`, `read` and `dispatch`.

mod builder;
mod command;
mod handover;

pub use {
    builder::{Spawn, spawn},
    command::SpawnCommand,
    handover::Via,
};
