//! What the other folders need of the operating system: process, threads, signals, 64-bit atomics. All stages use it; it
//! uses no other module of this crate.

mod atomic;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) mod membarrier;
mod nesting;
pub(crate) mod process;
#[cfg(any(
    feature = "buffered",
    not(any(target_vendor = "apple", target_os = "netbsd"))
))]
pub(crate) mod signal_mask;
pub(crate) mod sigpipe;
mod thread_id;

pub(crate) use {
    atomic::AtomicU64,
    nesting::{NestingGuard, Refused},
    thread_id::thread_id,
};
#[cfg(feature = "buffered")]
pub(crate) use {atomic::zeroes, nesting::suppress_logging};
