//! `watch` and `watch_pid`: which process's exit begins the grace period.

use std::{io, os::fd::OwnedFd};

use super::pipe_subscriber::PipeSubscriber;
use crate::sys::check_pidfd;

/// The methods that name the child, if [`Spawn::prepare`](crate::Spawn::prepare) made the pipe.
impl PipeSubscriber {
    /// Names the child whose exit begins the [grace period](crate::Spawn::grace), by a descriptor of its process
    /// (`pidfd_open(2)`, `clone3(2)` with `CLONE_PIDFD`). The process need not be a child of this one.
    ///
    /// Call it after the start and before [`run`](Self::run), or between two calls of [`run_until`](Self::run_until).
    /// If a child is named already, for example by [`spawn`](crate::spawn), this one replaces it, with a whole grace
    /// period, for the streams that are [captured](crate::Spawn::capture) too. A stream that has ended stays so.
    ///
    /// # Errors
    ///
    /// Returns an error if the descriptor is not that of a process, or if no descriptor is left. The child that was named before stays.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux only. On other systems it has no effect: reading ends when no process holds the pipe any more.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(target_os = "linux")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::Spawn;
    /// use rustix::process::{Pid, PidfdFlags, pidfd_open};
    /// # use std::{os::fd::OwnedFd, process::Command};
    ///
    /// let (handover, mut logs) = Spawn::prepare().at(0)?;
    /// # let (envs, mut command): (Vec<_>, _) = (handover.envs().collect(), Command::new("true"));
    /// # let mut child = command.envs(envs).stdin(OwnedFd::from(handover)).spawn()?;
    /// # drop(command);
    /// # let pid = child.id() as i32;
    /// // .. starts a process with this pid ..
    /// logs.watch(pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty())?)?;
    /// let summary = logs.run().await?;
    /// # child.wait()?;
    /// # Ok(()) }
    /// # #[cfg(not(target_os = "linux"))] fn main() {}
    /// ```
    pub fn watch(&mut self, pidfd: impl Into<OwnedFd>) -> io::Result<()> {
        let pidfd = pidfd.into();
        check_pidfd(&pidfd)?;
        #[cfg(feature = "capture")]
        if let Some(capture) = self.reader.capture_mut() {
            capture.watch_exit_of_pidfd(&pidfd)?;
        }
        self.reader.frames.reader_mut().watch_exit_of_pidfd(pidfd);
        Ok(())
    }

    /// As [`watch`](Self::watch), but names the child by its pid.
    ///
    /// The pid must still be that of the child: nobody may have waited for it. If it is nobody's any more, the child
    /// has exited, and the grace period begins. [`grace`](crate::Spawn::grace) says what happens if the system refuses
    /// a descriptor for the process.
    ///
    /// # Errors
    ///
    /// Returns an error if `pid` is 0 or above 2,147,483,647, which is not the number of any process.
    pub fn watch_pid(&mut self, pid: u32) -> io::Result<()> {
        if pid == 0 || i32::try_from(pid).is_err() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        #[cfg(feature = "capture")]
        if let Some(capture) = self.reader.capture_mut() {
            capture.watch_exit_of(Some(pid));
        }
        self.reader.frames.reader_mut().watch_exit_of(Some(pid));
        Ok(())
    }
}
