/// How records get from the log call to the parent. Either way, once the log call has returned, the record reaches the
/// parent however the process ends (`SIGKILL`, `_exit`, `abort` and `exec` included), as long as the parent lives and
/// reads, however late. There is no thread, nothing to keep and nothing to flush.
///
/// ```no_run
/// use pipe_handler::{Delivery, PipeHandler};
///
/// // Each record is one write to the pipe, also if the parent offers a shared buffer.
/// PipeHandler::builder().delivery(Delivery::Direct).init()?;
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// The record is in memory that the parent shares when the log call returns. The default.
    ///
    /// While the parent keeps up, a log call makes no system call, takes no lock that another thread may hold, and
    /// allocates nothing. There are two exceptions: a record that finds the parent asleep, as after a pause, wakes it
    /// by a write to the pipe, and a ring that needs more memory asks the system for it.
    ///
    /// If the parent offers no such memory, if it cannot be used, or if none of its rings is left, this is `Direct`. So it
    /// is on systems other than Linux, on processors without atomics of 64 bits, and without the feature `shared-buffer`.
    ///
    /// - Each thread has a ring of its own as long as there are free ones. The others share one ring, and take a lock for
    ///   the copy.
    /// - A record of up to a quarter of a ring, at most 64 KiB, is one frame. A longer one is split into fragments.
    /// - If a ring is full, the overflow policy applies. A record gets its sequence number when there is room for it, or
    ///   when it is dropped, so a process that is killed while it waits leaves no gap.
    /// - A parent that is gone, or has stopped reading, is noticed within 200 ms of waiting, or by the next log call 100 ms
    ///   or more after the first record that it did not read. What is logged after its end counts as neither sent nor
    ///   dropped. A process that has closed its pipe takes a parent that reads nothing for a second for gone.
    /// - A forked process takes rings of its own with its first record. Rings go back at the end of their threads, at
    ///   `exit` and at `return` from main; those of a process that ends in any other way stay taken.
    /// - All processes that share a buffer trust each other: one of them can spoil the order and the records of the others.
    ///   A process whose rings are spoilt begins another session on the pipe.
    ///
    /// The memory of the rings is taken in steps, from 16 KiB for each ring on. Once the system refuses a step, the ring
    /// stays as it is. There are two exceptions, in which the buffer costs more: a later `mlockall` takes all of it at once,
    /// and its pages count in the memory cgroup of the process that touches them first, so at that limit the kernel may
    /// kill the process.
    #[default]
    Shared,
    /// The record is in the pipe when the log call returns, after one system call.
    Direct,
}
