//! `Spawn::buffer`: the memory that a child logs into.

use super::builder::Spawn;

impl<C> Spawn<C> {
    /// Sets the length of the memory that the child is offered to log into, the *shared buffer*. The default is 8 MiB for
    /// a child that [`spawn`](Self::spawn) starts, and 0 for one that somebody else starts ([`prepare`](Self::prepare)).
    /// With 0 there is none.
    ///
    /// A child that uses it logs without a system call while this process keeps up, unless it finds this process asleep
    /// and has to wake it. Nothing that it logged is lost, however it dies (`Delivery::Shared` of `pipe-handler`). A
    /// program that does not know the buffer, or does not use it, runs as without one and writes into the pipe. It
    /// inherits one descriptor more, with a number from 100 on.
    ///
    /// `bytes` is the length of all rings together; a few KiB more describe them. There are up to 16 rings of equal
    /// length, which is a power of two from 32 KiB to 1 GiB. So `bytes` is rounded down: 8 MiB are 16 rings of 512 KiB,
    /// 1.5 MiB are 16 rings of 64 KiB, 100 KiB are 3 rings of 32 KiB. Each process takes a ring and each of its threads
    /// another one, as long as there are any. Longer rings bridge longer pauses of this process; from 512 KiB on they are
    /// no faster. Pages are taken when they are used: a child that logs now and then takes 16 KiB for each ring.
    ///
    /// There is only the pipe if `bytes` is less than 32 KiB, with [`Via::Stdin`](crate::Via::Stdin), and if the system
    /// refuses the memory or could kill a process for using it: before Linux 5.14, at the limit of descriptors, of the
    /// address space or of file sizes, without overcommit (`vm.overcommit_memory` is 2), and after
    /// `mlockall(MCL_FUTURE)`. A later `mlockall` takes all pages of the buffer. At the limit of a memory cgroup the
    /// kernel may kill, as for any other memory.
    ///
    /// [`Summary::reasons`](crate::Summary::reasons) says why there is no buffer, and, if this method was called, that a
    /// child logged and did not use it. For the default buffer, it does not mention `Via::Stdin`, nor systems that have no
    /// such memory at all.
    ///
    /// # Order
    ///
    /// A record of one process that was logged before another process of the same buffer began to log is handed on
    /// first. If the other one uses the pipe, this holds too; the other way round, a record that came through the pipe
    /// may be handed on after one that was logged into the buffer shortly after it.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux only, on processors with 64-bit atomics. On other systems there is only the pipe.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use pipe_subscriber::Spawn;
    ///
    /// let mut command = std::process::Command::new("sh");
    /// // The pipe has three parts after the version; a buffer adds four.
    /// command.args(["-c", "case $RECORD_PIPE in v1:*:*:*:*) exit 1;; esac"]);
    /// let (mut child, logs) = Spawn::new(command).buffer(0).spawn()?;
    ///
    /// logs.run_on_thread()?.join().unwrap().unwrap();
    /// assert!(child.wait()?.success());
    /// # Ok(()) }
    /// ```
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.settings.buffer = Some(bytes);
        self
    }
}
