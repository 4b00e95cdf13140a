//! When to stop reading the pipe of a child that has exited while another process holds it. May use `sys`.

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
