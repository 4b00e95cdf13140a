//! System calls that the other folders use: timers, the registration of descriptors, pipe sizes and signal masks. Needs
//! nothing of the other folders.

mod alarm;
mod panics;
#[cfg(target_os = "linux")]
mod pidfd;
#[cfg(not(target_os = "linux"))]
#[path = "pidfd_unsupported.rs"]
mod pidfd;
#[cfg(target_os = "linux")]
mod pipe_quota;
#[cfg(target_os = "linux")]
mod registration;
#[cfg(all(
    feature = "shared-buffer",
    target_os = "linux",
    target_has_atomic = "64"
))]
pub(crate) mod shared_memory;
mod signal_mask;
mod soft_limit;
mod thread_timer;
#[cfg(target_os = "linux")]
mod timer;
#[cfg(not(target_os = "linux"))]
#[path = "timer_unsupported.rs"]
mod timer;

pub(crate) use {
    alarm::Alarm,
    panics::discard_panic,
    pidfd::check_pidfd,
    signal_mask::with_signals_blocked,
    soft_limit::{Limit, soft_limit},
};
#[cfg(target_os = "linux")]
pub(crate) use {pipe_quota::QuotaPermit, registration::register, timer::Timer};
