//! What the other folders need of the operating system: process, threads, signals, 64-bit atomics. All stages use it; it
//! uses no other module of this crate.

mod atomic;
mod nesting;
pub(crate) mod process;
#[cfg_attr(
    any(target_vendor = "apple", target_os = "netbsd"),
    path = "sigpipe_by_flag.rs"
)]
pub(crate) mod sigpipe;
mod thread_id;

pub(crate) use {atomic::AtomicU64, nesting::NestingGuard, thread_id::thread_id};
