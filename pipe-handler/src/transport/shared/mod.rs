//! Delivery through a shared buffer: log calls leave frames in rings of memory that the parent maps too.
//!
//! - `mapping.rs`: the checked and mapped memory; `mlock.rs`: whether it would all be taken at once.
//! - `shared_buffer.rs`: `SharedBuffer`, the buffer in whichever process this is.
//! - `process_rings.rs`: what one process has claimed of it: `common_ring.rs`, and a ring for each thread.
//! - `claims.rs`: the claimed rings, and whether they may still be used; `marks.rs`: which of the threads' rings are in
//!   use at this moment, with a barrier of the system (`membarrier.rs`).
//! - `ring.rs`: one claimed ring: room, pages and commits. The words in the memory, and the rules for them, are those
//!   of `record_proto` (`stream/ring/`).
//! - `bell.rs`: wakes the parent.
//! - `wait.rs`: waits for room; `dispatched.rs`: waits until everything was read. Both notice that the parent is gone.
//!   `futex.rs`: sleeps.

mod bell;
mod claims;
mod common_ring;
mod dispatched;
mod futex;
mod mapping;
mod marks;
mod membarrier;
mod mlock;
mod process_rings;
mod ring;
mod shared_buffer;
mod wait;

#[cfg(test)]
mod tests;

pub(crate) use shared_buffer::SharedBuffer;
