mod panics;
#[cfg(target_os = "linux")]
mod pipe_quota;
#[cfg(target_os = "linux")]
mod registration;
mod signal_mask;
#[cfg(target_os = "linux")]
mod thread_timer;
#[cfg(target_os = "linux")]
mod timer;

pub(crate) use {panics::discard, signal_mask::with_signals_blocked};
#[cfg(target_os = "linux")]
pub(crate) use {pipe_quota::QuotaPermit, registration::register, timer::Timer};
