//! `AtomicU64`, also on processors that have no atomics of 64 bits.

#[cfg(target_has_atomic = "64")]
pub(crate) use std::sync::atomic::AtomicU64;

// Takes a lock for each access. A process that is forked while another thread holds it finds it held.
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use portable_atomic::AtomicU64;
