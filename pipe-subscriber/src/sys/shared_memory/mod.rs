//! Memory that this process shares with a child, what forbids it, and the barrier that its writers leave to its reader.

mod limits;
pub(crate) mod membarrier;
mod memory;

pub(crate) use memory::{SharedMemory, wake_all};
