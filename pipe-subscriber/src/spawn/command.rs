//! The commands that a child can be started from.

use std::{io, process};

/// A command that [`spawn`](crate::spawn) can start: `std::process::Command` and `tokio::process::Command`.
///
/// The trait is sealed: it cannot be implemented outside of this crate.
///
/// # Examples
///
/// ```
/// use pipe_subscriber::{PipeSubscriber, SpawnCommand};
///
/// fn start<C: SpawnCommand>(command: C) -> std::io::Result<C::Child> {
///     let (child, logs) = pipe_subscriber::spawn(command)?;
///     logs.run_on_thread()?;
///     Ok(child)
/// }
///
/// # fn main() -> std::io::Result<()> {
/// let mut child: std::process::Child = start(std::process::Command::new("true"))?;
/// assert!(child.wait()?.success());
/// # Ok(()) }
/// ```
pub trait SpawnCommand: sealed::Sealed {
    /// The type of child that the command's own `spawn` returns.
    type Child;

    #[doc(hidden)]
    fn as_std_mut(&mut self) -> &mut process::Command;

    /// Starts the child and returns it with its pid.
    #[doc(hidden)]
    fn spawn(&mut self) -> io::Result<(Self::Child, Option<u32>)>;
}

impl SpawnCommand for process::Command {
    type Child = process::Child;

    fn as_std_mut(&mut self) -> &mut process::Command {
        self
    }

    fn spawn(&mut self) -> io::Result<(Self::Child, Option<u32>)> {
        let child = self.spawn()?;
        let pid = child.id();
        Ok((child, Some(pid)))
    }
}

impl SpawnCommand for tokio::process::Command {
    type Child = tokio::process::Child;

    fn as_std_mut(&mut self) -> &mut process::Command {
        self.as_std_mut()
    }

    fn spawn(&mut self) -> io::Result<(Self::Child, Option<u32>)> {
        let child = self.spawn()?;
        let pid = child.id();
        Ok((child, pid))
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for std::process::Command {}
    impl Sealed for tokio::process::Command {}
}
