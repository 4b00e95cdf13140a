//! A logger for child processes: every record, typed and whole, into the parent's logger over a pipe.
//!
//! ```text
//!     child process (1..n)                             parent process
//!     log::info!(..)                                   its logger
//!         |                                                ^
//!     PipeHandler : log::Log                           PipeSubscriber   (crate pipe-subscriber)
//!         | encoded in a buffer of the thread              |
//!         | direct: one write(2) of at most PIPE_BUF bytes |
//!         v buffered: staged for a drain that writes many  |
//!     =================== anonymous pipe ===================
//! ```
//!
//! Two lines in the child; the parent starts it with `pipe_subscriber::spawn`:
//!
//! ```no_run
//! # fn env_logger() -> impl log::Log { struct L; impl log::Log for L {
//! # fn enabled(&self, _: &log::Metadata<'_>) -> bool { true } fn log(&self, _: &log::Record<'_>) {} fn flush(&self) {} } L }
//! pipe_handler::init_or(env_logger())?; // as a child into the pipe, alone into this logger
//! log::info!(user = 7; "hello from child process");
//! # Ok::<(), pipe_handler::InitError>(())
//! ```
//!
//! # What is promised
//!
//! - With direct delivery, the default, a record whose log call has returned is in the pipe. It arrives however the
//!   process ends, `SIGKILL` included, as long as the parent lives and reads. There is no queue, no thread, nothing to
//!   keep and nothing to flush.
//! - A record arrives whole or not at all, for any mix of threads, forks and processes on one pipe. A record of more
//!   than `PIPE_BUF` bytes is cut into fragments, and nothing takes a lock. This holds for both deliveries.
//! - What is dropped is counted, and the parent is told, per level, before the next record that gets through.
//! - A log call never panics, never recurses without end, and never kills the process: not from a `Display` that logs
//!   or panics, a destructor, a panic hook or a forked child, and not when the parent is gone.
//! - The pipe goes to no child of this process, unless it is [shared](share_with).
//!
//! # What is not
//!
//! - With buffered delivery (`Delivery::Buffered`) records that are not yet written are lost at `SIGKILL`, `abort`, `_exit` and a
//!   signal that is not handled. At `return` from main, `exit` and panics they are written, and after that everybody writes
//!   directly, other threads and later exit hooks too. That waits for a parent that reads late, up to the
//!   [exit timeout](Builder::exit_timeout); records that find no room by then are lost, and the parent's summary says that
//!   the process did not close. A drain over something else than a pipe (`Builder::build_over`) has nothing to write to
//!   directly: await it. The drain's thread keeps a process alive whose main thread has called `pthread_exit`.
//! - With [`Overflow::Block`], the default, a parent that lives and does not read makes log calls wait.
//! - Records logged while a record is being formatted are sent up to a nesting of 4; deeper ones are dropped and
//!   counted. Logging from a signal handler is not supported.
//! - A sandbox that kills for system calls has to allow those that the project's SECURITY.md lists; one that is refused with an
//!   error costs no record.
//! - Where another thread panics and the process aborts, what buffered delivery has staged behind the panic's flush is lost.
//! - A process made by a raw `clone` system call is noticed as forks are on Linux 4.14 and later; elsewhere it is taken for its
//!   parent, as one that shares its parent's memory (`vfork`, `CLONE_VM`) is everywhere. If the parent has other
//!   threads (the drain of buffered delivery is one), it may find locks of the C library held for ever.
//! - If the system has no memory for a record that is larger than those before it, its message is cut, key-values are left out,
//!   or it is dropped and counted. The first record of a thread takes less than 2 KiB that are not optional, and a structure
//!   among the key-values (`kv_serde`) takes what its serialisation does.
//! - A fork finds the locks of the standard and the C library as they are: one that is made while another thread starts,
//!   ends, panics, aborts or exits the process may hang in the child when it does the same. None of this crate's locks are
//!   among them.
//! - The handler moves the pipe to a descriptor of its own (100 or above), which is trusted to stay what it is. A program
//!   that closes descriptors it does not own can make the number mean another file: then what succeeds at once is written
//!   there, and the handler is gone with the first write that does not. [`Builder::check_before_each_write`] looks before.
//! - Another copy of this crate in the process (a plugin's, another version) finds the variable stale once one has adopted
//!   the pipe. Two that begin in the same moment are told apart by close(2), and a file that a third thread opens between
//!   the two closes may be hit.
//!
//! # What it costs
//!
//! A log call allocates nothing and takes no lock. Direct, it is an encoding (127 ns for a message of 56 bytes formatted from
//! two arguments and two key-values, the clock included) and one system call, 362 ns together. Before Linux 6.18 two more
//! system calls hold SIGPIPE back, 245 ns, whatever the program does with the signal. Buffered, it is the encoding
//! and some 30 ns; each thread that logs has a buffer of 512 KiB, whose memory is taken as it is used. A call below the level costs
//! what `log` itself does. The figures are those of the project's benchmark, `tests/bench`, on a Xeon of 2 cores; it puts them
//! beside what one would use instead.
//!
//! # Features
//!
//! - `buffered` (default): buffered delivery. Without it the crate needs neither tokio nor tokio-util.
//! - `kv_serde`: structures among the key-values keep their structure.

#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!("pipe-handler is for Unix: it writes to an inherited pipe descriptor");

mod filter;
mod handler;
mod record;
mod setup;
mod sys;
mod transport;

pub use {
    handler::PipeHandler,
    record::Counts,
    setup::{
        Builder, DEFAULT_EXIT_TIMEOUT, DEFAULT_MESSAGE_LIMIT, DEFAULT_RECORD_LIMIT, InitError,
        Outcome, init, init_or, share_with,
    },
    transport::Overflow,
};
#[cfg(feature = "buffered")]
pub use {
    setup::{DEFAULT_CAPACITY, Guard},
    transport::{
        Delivery,
        buffered::{AsyncPipe, Drain},
    },
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
