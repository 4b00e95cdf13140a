mod builder;
mod command;
mod handover;

pub use {
    builder::{Spawn, spawn},
    command::SpawnCommand,
    handover::Via,
};
