#[cfg(target_os = "linux")]
mod child_process;
#[cfg(target_os = "linux")]
mod exit_watch;
#[cfg(not(target_os = "linux"))]
#[path = "exit_watch_unsupported.rs"]
mod exit_watch;
#[cfg(target_os = "linux")]
mod grace;

pub(crate) use exit_watch::ExitWatch;
