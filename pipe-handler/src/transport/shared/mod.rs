//! Delivery through a shared buffer: log calls leave frames in rings of memory that the parent maps too.
//!
//! - `address.rs`: the buffer as `RECORD_PIPE` names it.
//! - `mapping.rs`: the checked and mapped memory.
//! - `shared.rs`: `Shared`, the buffer in whichever process this is.
//! - `process_rings.rs`: what one process has claimed of it: a common ring, and a ring for each thread.
//! - `thread_ring.rs`: a thread's own ring, and the mark that it is in use.
//! - `ring.rs`: one claimed ring: room, pages and commits.
//! - `bell.rs`: wakes the parent.
//! - `wait.rs`: waits for room.

mod address;
mod bell;
mod mapping;
mod process_rings;
mod ring;
mod shared;
mod thread_ring;
mod wait;

pub(crate) use {address::BufferAddress, mapping::Mapping, shared::Shared};
