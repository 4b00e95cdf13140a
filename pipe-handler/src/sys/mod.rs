//! What the other folders need of the operating system: process, threads, signals, 64-bit atomics. All stages use it; it
//! uses no other module of this crate.

mod atomic;
mod nesting;
pub(crate) mod process;
pub(crate) mod sigpipe;
mod thread_id;

#[cfg(feature = "drain")]
pub(crate) use nesting::suppress_logging;
pub(crate) use {
    atomic::AtomicU64,
    nesting::{NestingGuard, Refused},
    thread_id::thread_id,
};
