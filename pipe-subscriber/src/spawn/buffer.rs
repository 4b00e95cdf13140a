//! `Spawn::buffer`: the memory that a child logs into.

use std::{io, os::fd::OwnedFd, process};

use rustix::io::fcntl_dupfd_cloexec;

use super::builder::Spawn;
use super::handover::{Via, pass_buffer};
use crate::read::Rings;

/// The descriptors that must be left for everything else that a spawn opens. Otherwise there is no buffer: without it, the
/// spawn may succeed.
const SPARE_DESCRIPTORS: usize = 8;

impl<C> Spawn<C> {
    /// Offers the child memory to log into, the *shared buffer*. The default is 0: none.
    ///
    /// A child that uses it logs without a system call while this process keeps up, and nothing that it logged is lost,
    /// however it dies. It must ask for the buffer (`Delivery::Shared` of `pipe-handler`); every other child, and every
    /// other process that inherits the pipe, uses the pipe as always.
    ///
    /// `bytes` is the length of all rings together; a few KiB more describe them. There are up to 16 rings of equal
    /// length, which is a power of two from 32 KiB to 1 GiB. So `bytes` is rounded down: 8 MiB are 16 rings of 512 KiB,
    /// 1.5 MiB are 16 rings of 64 KiB, 100 KiB are 3 rings of 32 KiB. Each process takes a ring and each of its threads
    /// another one, as long as there are any. Longer rings bridge longer pauses of this process; from 512 KiB on they are
    /// no faster. Pages are taken when they are used: a child that logs now and then takes 16 KiB for each ring.
    ///
    /// There is only the pipe, and [`Summary::reasons`](crate::Summary::reasons) says why, if `bytes` is less than
    /// 32 KiB, with [`Via::Stdin`], and if the system refuses the memory or could kill a process for using it: before
    /// Linux 5.14, at the limit of descriptors, of the address space or of file sizes, without overcommit
    /// (`vm.overcommit_memory` is 2), and after `mlockall(MCL_FUTURE)`. A later `mlockall` takes all pages of the
    /// buffer. At the limit of a memory cgroup the kernel may kill, as for any other memory.
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
    /// command.args(["-c", "case $RECORD_PIPE in v1:*:*:*:*:*:*:*) ;; *) exit 1;; esac"]);
    /// let (mut child, logs) = Spawn::new(command).buffer(8 << 20).spawn()?;
    ///
    /// let summary = logs.run_on_thread()?.join().unwrap().unwrap();
    /// # if cfg!(target_os = "linux") && summary.reasons.iter().all(|reason| !reason.contains("buffer")) {
    /// assert!(child.wait()?.success());
    /// # }
    /// # Ok(()) }
    /// ```
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }
}

/// Makes the buffer that was asked for, if one was. Returns its descriptor too, which the child gets.
pub(super) fn make_buffer(bytes: usize) -> io::Result<Option<(Rings, OwnedFd)>> {
    if bytes == 0 {
        return Ok(None);
    }
    let mut rings = Rings::new(bytes)?;
    let fd = rings.take_fd().ok_or(io::ErrorKind::NotFound)?;
    let spares = (0..SPARE_DESCRIPTORS).map(|_| fcntl_dupfd_cloexec(&fd, 3));
    spares.collect::<Result<Vec<_>, _>>()?;
    Ok(Some((rings, fd)))
}

/// Makes the buffer, and hands it to the child, beside the pipe with this address.
pub(super) fn share_buffer(
    bytes: usize,
    command: &mut process::Command,
    via: Via,
    address: &str,
) -> io::Result<Option<Rings>> {
    if via == Via::Stdin && bytes > 0 {
        return Err(io::Error::other("Via::Stdin hands one descriptor over"));
    }
    let Some((rings, fd)) = make_buffer(bytes)? else {
        return Ok(None);
    };
    pass_buffer(command, fd, address)?;
    Ok(Some(rings))
}
