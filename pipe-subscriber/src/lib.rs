//! Child processes' log records, typed and whole, from their pipes into the parent's logger.
//!
//! ```text
//!   child process (1..n, any language)          parent process
//!   log::info!(..)                              log::logger()  ->  env_logger, fern, OTel, ...
//!       |                                            ^
//!   pipe-handler, or any writer of frames       PipeSubscriber     counts, joins, escapes, attaches
//!       |                                            ^             -> Summary at the end
//!       |                                       ChildPipe          ends with the pipe, or with the child
//!       v                                            |
//!   ================================ anonymous pipe ================================
//! ```
//!
//! This is the parent's side; the child's is `pipe-handler`, and both know only the frames of [`record_proto`]. The
//! parent, all of it:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tokio::process::Command;
//!
//! let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
//! let status = logs.run_until(child.wait()).await?; // into log::logger()
//! let summary = logs.run().await?;                  // what is left in the pipe, and the end
//! # assert_eq!(summary.received, 0);
//! # Ok(()) }
//! ```
//!
//! [`Spawn`] has the settings of the child, [`PipeSubscriber`] those of reading. Several children are told apart by their
//! [label](Spawn::label), which loggers show in different [places](LabelIn). Besides [`run`](PipeSubscriber::run)
//! there are [`run_into`](PipeSubscriber::run_into) for any logger, [`run_with`](PipeSubscriber::run_with) for a
//! closure, [`records`](PipeSubscriber::records) for a `Stream` and [`run_on_thread`](PipeSubscriber::run_on_thread)
//! for programs without a runtime and for slow loggers. [`run_until`](PipeSubscriber::run_until) and its kin read until
//! something else has happened, the child's exit for example, can be cancelled at any moment, and lose nothing: in a
//! `select!` and below a timeout use them. [`PipeSubscriber::new`] reads from anything: a socket, a stored stream, a pipe
//! that was made elsewhere.
//!
//! The name is Logbook's. A `Subscriber` of `tracing` is something else: the collector within one process.
//!
//! # What is promised
//!
//! - **Nothing is lost unseen.** Every record that a child counted is received, reported as dropped, or missing in the
//!   [`Summary`]. Of a process that ended without a close frame the summary says that more may have been logged.
//! - **Every end has a [type](StreamEnd).** A payload that cannot be decoded costs itself only and is counted. Behind
//!   an impossible length everything is read and thrown away, so that the child is not killed by its pipe.
//! - **The end comes.** [`spawn`] leaves no write end in this process, and a child's pipe ends once there was nothing
//!   to read for a [grace period](Spawn::grace) after its exit, even if another process holds it (Linux).
//! - **Memory is bounded** whatever a child sends: one read buffer, 4 MiB of unfinished records
//!   ([settable](PipeSubscriber::reassembly_limit)) beside the one being handed on, 1,024 processes counted one by one.
//! - **A logger is not trusted with the stream.** If it panics, that is caught and counted. If it is slow, it delays
//!   the task it runs in, which gives way after 64 payloads or 1 ms, and a little later to tasks that wait for I/O. It never runs within a
//!   runtime of this crate's, and a thread of this crate's takes no signal of the program's.
//! - **A child's text does not act.** Control characters are [escaped](Escaping) for a logger, and what the parent
//!   [attaches](Attach) cannot be forged through the child's own pipe, nor can a label, in whichever [place](LabelIn) it is
//!   shown. (Children of the same user can open each other's pipes through `/proc`; the project's SECURITY.md says what
//!   helps.)
//!
//! # What is not
//!
//! - A record says what its child says: pids, times and names are not checked.
//! - The order is that of arrival. Within one thread of a child that is the order of its log calls; across threads and
//!   children it is not that of their times.
//! - Of a process that ended without a close frame, killed for example, up to one record per thread may be missing
//!   without being counted, and drops that it had not reported yet.
//! - A logger that never returns stops its task. [`run_on_thread`](PipeSubscriber::run_on_thread) keeps that from
//!   everything else; the child then waits as its overflow policy says.
//! - A child that closes its end early, or never opens it, is no error. Of one that wrote nothing at all the summary
//!   says that it did not adopt the pipe; a [program between](Spawn#programs-between) may have kept it back.
//!
//! # What it costs
//!
//! A record is decoded where it was read and handed on without a copy and without an allocation, except where its text
//! needs escaping or it came in fragments: 166 ns, of which 36 are a logger's that reads every field. A pipe whose writer is
//! quiet waits in the runtime's poll as any other. While its writer is hot, it is taken out of the poll and read at ticks of
//! 100 us, so that no write has to wake the reader. Nothing wakes for children that are silent, unless the system
//! [refuses](Spawn::grace) to watch them. The figures are those of the
//! project's benchmark, `tests/bench`, on a Xeon of 2 cores; it puts them beside what one would use instead.
//!
//! # Features
//!
//! - `kv_serde`: lists and maps among the key-values reach the logger as structures; without it as JSON text.

#![deny(missing_docs, unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!(
    "pipe-subscriber is for Unix: it passes pipes to child processes by descriptor. \
     On other systems the records of a stream can be read with record-proto."
);

#[cfg(unix)]
mod account;
#[cfg(unix)]
mod dispatch;
#[cfg(unix)]
mod read;
#[cfg(unix)]
mod spawn;
#[cfg(unix)]
mod subscriber;
#[cfg(unix)]
mod sys;

pub use record_proto::{Levels, LogRecord};
#[cfg(unix)]
pub use {
    account::{ProcessSummary, StreamEnd, Summary},
    dispatch::{Attach, Escaping, LabelIn},
    read::ChildPipe,
    spawn::{Spawn, SpawnCommand, Via, spawn},
    subscriber::{PipeSubscriber, ReadError, Records},
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
