//! A logger for child processes. It sends every record, typed and whole, to the parent's logger, through memory that
//! both share or over a pipe.
//!
//! ```text
//!   child process (1..n)                                         parent process
//!
//!   log::info!(..)
//!     |
//!   filter    discards records that are not enabled              the parent's logger
//!     |                                                            ^
//!   encode    takes the time; formats message and key-values       |
//!     |       straight into a frame, in a buffer of the thread     |
//!     |                                                          PipeSubscriber   (crate pipe-subscriber)
//!   stamp     once there is room: adds the sequence number         |
//!     |                                                            |
//!   commit    into the ring of the thread ---- shared buffer ------+
//!     |       without a buffer: one system call, at most           |
//!     v       PIPE_BUF bytes                                       |
//!   ======================= anonymous pipe ========================+
//! ```
//!
//! The child needs one line. The parent starts it with `pipe_subscriber::spawn`, which names the pipe and the buffer in
//! the environment variable `RECORD_PIPE`, and the records to send in `RECORD_PIPE_FILTER`:
//!
//! ```no_run
//! # fn env_logger() -> impl log::Log { struct L; impl log::Log for L {
//! # fn enabled(&self, _: &log::Metadata<'_>) -> bool { true } fn log(&self, _: &log::Record<'_>) {} fn flush(&self) {} } L }
//! pipe_handler::init_or(env_logger())?; // started by such a parent: the pipe; started alone: this logger
//! log::info!(user = 7; "hello from child process");
//! # Ok::<(), pipe_handler::InitError>(())
//! ```
//!
//! # Programs that use `tracing`
//!
//! With the feature `tracing`, one call sets the process's subscriber and logger together. Events of `tracing` and
//! records of `log` go to the parent, each once:
//!
#![cfg_attr(feature = "tracing", doc = "```no_run")]
#![cfg_attr(not(feature = "tracing"), doc = "```ignore")]
//! use tracing_subscriber::{EnvFilter, fmt, prelude::*};
//!
//! // Started by such a parent: the pipe. Started alone: these layers.
//! pipe_handler::init_tracing_or(fmt::layer().with_filter(EnvFilter::from_default_env()))?;
//! let _span = tracing::info_span!("request", id = 7).entered();
//! tracing::info!(user = "ann", "hello from child process");
//! # Ok::<(), pipe_handler::InitError>(())
//! ```
//!
//! - An event keeps its level, target, module path, file, line, message and fields, with their types. Fields that are
//!   recorded with `%` or `?` are text, and the first error keeps its sources.
//! - The spans that it is in go with it, from the root to the leaf, with all fields that were recorded so far. A record
//!   of `log` has the spans of its thread too.
//! - The parent's filter decides which events are sent, and affects no other layer. Spans up to info are kept whatever
//!   the filter says, unless it is `off`. A disabled event costs the same as with `tracing` alone.
//! - The guarantees and limits below hold for an event as for a log call.
//!
//! `init_tracing_with` takes more layers, for example a terminal beside the pipe. For a subscriber of your own,
//! [`PipeHandler`] becomes a layer by its method `into_layer`. Records of `log` then have no key-values, because
//! `tracing-log`, which passes them on, drops these.
//!
//! Not guaranteed:
//!
//! - If formatting an event makes another event, a layer with a filter of its own may miss one of them, because
//!   `tracing_subscriber` keeps the answers of such filters for the thread. The pipe asks its filter again.
//! - Lists, maps and other values of the unstable `valuable` arrive as text.
//! - The panic record has no spans.
//! - A span that is made in a destructor of a thread-local may panic in the registry of `tracing_subscriber`. Events and
//!   records may be made there.
//!
//! # Guarantees
//!
//! - When its log call returns, a record is in memory that the parent shares ([`Delivery::Shared`], the default) or, if
//!   the parent offers none, in the pipe. It arrives however the process ends, `SIGKILL` included, as long as the parent
//!   lives and reads. There is no thread, and the program has nothing to keep and nothing to flush.
//! - A record arrives whole or not at all, for any mix of threads, forks and processes on one pipe. A record of more
//!   than `PIPE_BUF` bytes in the pipe is split into fragments; in a ring, one of more than 64 KiB or a quarter of the
//!   ring. No lock is taken, except by threads that have no ring of their own in a shared buffer.
//! - Dropped records are counted per level, and the parent receives the counts before the next record that gets
//!   through.
//! - A log call never panics, never recurses without end, and never kills the process. This holds in a `Display` that
//!   logs or panics, in a destructor, in a panic hook, in a forked child, and after the parent is gone. Before Linux
//!   6.18 there is one exception, if another thread stops ignoring SIGPIPE during the call: see the limits.
//! - No child of this process inherits the pipe or the buffer, unless it is [shared](share_with).
//!
//! # Limits
//!
//! - A handler that writes to something other than a pipe (`Builder::build_over`, feature `drain`) needs the program's
//!   help: await its drain before the process exits; otherwise the records that it has not written are lost.
//! - With [`Overflow::Block`], the default, log calls wait for a parent that lives and does not read.
//! - Before Linux 6.18, the handler queries the disposition of SIGPIPE before each write, and blocks the signal during
//!   the write unless it is ignored. If another thread stops ignoring SIGPIPE between the query and the end of the
//!   write, which may wait for room, and the parent is gone, the signal has its new effect: the default action ends the
//!   process, and a handler runs. If the program ignores SIGPIPE and the thread that logs blocks it, the first write
//!   after the parent's end also consumes a SIGPIPE that was pending for that thread.
//! - Records that are logged while another record is being formatted are sent up to a nesting of 4; deeper ones are
//!   dropped and counted. Logging from a signal handler is not supported.
//! - Once a record has 8,127 values, further key-values are left out, and one pair with the key `cut` counts those
//!   before it. Values are the pairs of the context, the key-values, and the items and pairs of structures among these.
//!   A structure becomes its text if it is longer than the [record limit](Builder::record_limit), or if it has more
//!   values than are left.
//! - A sandbox that kills the process for a system call has to allow the calls that the project's SECURITY.md lists. A
//!   call that is refused with an error costs no record.
//! - On Linux 4.14 and later, a process made by a raw `clone` system call is noticed like a fork. On other systems it
//!   is mistaken for its parent. A process that shares its parent's memory (`vfork`, `CLONE_VM`) is mistaken for its
//!   parent on every system. If the parent has other threads, a process made by
//!   a raw `clone` may find locks of the C library held for ever.
//! - If the system has no memory for a record that is larger than those before it, the message is cut, key-values are
//!   left out, or the record is dropped and counted. The first record of a thread needs less than 2 KiB that cannot be
//!   left out, and a structure among the key-values (`kv_serde`) needs the memory of its serialisation.
//! - A fork copies the locks of the standard library and the C library in the state in which it finds them. A child
//!   that is forked while another thread starts, ends, panics, aborts or exits the process may hang when it does the
//!   same. None of this crate's locks are among them.
//! - The handler moves the pipe to a descriptor of its own and relies on it to stay open. The number is 100 or above,
//!   or half of the process's descriptor limit or above if that limit is below 200. If no such number is free, it is 3
//!   or above. If the program closes descriptors that it does not own, the number can come to mean another file. A
//!   write that succeeds at once then goes to that file; the first write that does not succeed ends the handler.
//!   [`Builder::check_before_each_write`] compares the descriptor first.
//! - If the process has another copy of this crate (a plugin's, or another version), one copy adopts the pipe, and the
//!   other then finds `RECORD_PIPE` stale. If two copies start at the same moment, both close the descriptor that the
//!   parent gave, and the copy whose close(2) fails does not get the pipe. If a third thread opens a file between the
//!   two closes, that file may get the same number, and the second close closes it.
//!
//! # Costs
//!
//! A log call takes no lock, except in threads that use the common ring of a shared buffer. It allocates nothing once
//! its thread has logged records of that size from that call site. The exceptions are records that have an error, a
//! structure or more than 15 key-values, and records of more than 64 KiB.
//!
//! With a shared buffer, a log call is an encoding and a copy into the ring: 146 ns for a message of 56 bytes formatted
//! from two arguments and two key-values, of which the encoding is 91 ns, the clock included. A record that finds the
//! parent asleep, as after a pause, also wakes it, by a write to the pipe. A ring that needs more memory asks the system
//! for it.
//!
//! Through the pipe, it is the encoding and one system call, 335 ns together. Before Linux 6.18, one more system call
//! queries the disposition of SIGPIPE, 104 ns. If the program does not ignore the signal, two more block it, 204 ns.
//!
//! On Linux 6.18 and later, the system call of the commit is pwritev2(2) with the flag `NOSIGNAL`. Before that it is
//! write(2), or pwritev2(2) with the flag `NOWAIT` if the overflow policy limits the wait.
//!
//! A call below the level costs the same as in `log` itself.
//!
//! An event of `tracing` costs 10 % more than the same record of `log`, all of its call counted. The first span that it is
//! in adds 120 ns, each further one 30 ns; more than 8 spans take one allocation. A span costs 60 ns in addition to
//! the registry's own 115 ns, and as much if the filter lets no event within it through, because spans up to info are
//! kept for more severe events.
//!
//! The figures are those of the project's benchmark on a Xeon of 2 cores, which compares them with the alternatives:
//! `cargo run --release --manifest-path tests/bench/Cargo.toml -- all` in the repository.
//!
//! # Features
//!
//! - `shared-buffer` (default): the rings of [`Delivery::Shared`]. Without it, on systems other than Linux, and on
//!   processors without atomics of 64 bits, every record goes through the pipe.
//! - `drain`: `Builder::build_over` and `Drain`, for a socket or another writer instead of a pipe. It adds tokio.
//! - `kv_serde`: structures among the key-values keep their structure.
//! - `tracing`: `PipeLayer`, a layer for `tracing`, and `init_tracing`. It adds `tracing-core`, `tracing-log` and
//!   `tracing-subscriber` with its registry.
//! - `scope`: a `Scope` adds key-values to all records of a piece of work, holds its debug records back until an error
//!   makes them matter (`HoldBack`), sends its records together, or sends them to another handler (`Dispatcher`).
//!   It needs no help of the parent and brings no dependency.
//!
//! # Map of the source
//!
//! A record is encoded in one pass: it is not captured first and then encoded. The code of encode and stamp is in the
//! crate `record-proto`: its `RecordEncoder` formats a log call into a frame, whose process, thread and context it
//! knows, and adds the sequence number last. The folder `record/` of this crate calls it. Only the records that the
//! handler itself makes, of a panic and of a filter that cannot be read, are built as a `LogRecord` and then encoded.
//!
//! The way of one record, with a shared buffer:
//!
//! | function | file | what it does |
//! |---|---|---|
//! | `PipeHandler::log` | `handler.rs` | asks `Filter::enabled` (`filter.rs`), then by `send` |
//! | `RecordWriter::log` | `record/writer.rs` | counts nested calls, takes the thread's buffers, knows how long to wait; lets `RecordEncoder::format` encode; sees that this process has said hello |
//! | `RecordWriter::send` | `record/writer.rs` | by `put_formatted` and `put`: reports earlier drops, passes the frame on as a `LateFrame`, which has no number yet; counts the record afterwards, if it was not sent |
//! | `Transport::put` | `transport/mod.rs` | into the rings of this process, if it has some; otherwise `Pipe::write` |
//! | `ProcessRings::put` | `transport/shared/process_rings.rs` | this thread's ring, or the common one; waits if it is full (`wait.rs`, which also notices that the parent is gone); wakes the parent if it sleeps (`bell.rs`) |
//! | `ThreadRing::put` | `transport/shared/process_rings.rs` | the ring of this thread, for which `put_own` claims one if it has none |
//! | `Ring::put` | `transport/shared/ring.rs` | finds room, draws a ticket, lets `Formatted::finish` (`record/writer.rs`) add the number, copies; the layout and the rules are in `stream/ring/` of `record-proto` (`RingWriter`, `Header`) |
//!
//! A *session* is one process's time with the parent, from its hello to its close frame; a fork begins another one. An
//! *instance* is the session's number, drawn at random. A *ring* belongs to one thread, or is the common one of a
//! process, and is *claimed* before it is used. A *ticket* is a number of the buffer that gives the order of records of
//! different rings. A *bell* is a frame in the pipe that wakes a parent that sleeps. The page of `pipe-subscriber` goes on
//! from there.
//!
//! The order of the files is that of the calls: setup makes a handler; a log call passes through the handler, the
//! filter, the record and the transport; everything may use sys.
//!
//! | file | content |
//! |---|---|
//! | **`setup/`** | **from the environment to the process's logger** |
//! | `setup/builder.rs` | [`Builder`]: the settings and their defaults |
//! | `setup/start.rs` | [`Builder`]: `build*` and `init*`, which choose the filter, make the handler, set the logger |
//! | `setup/logger.rs` | [`init`] and [`init_or`] with the default settings; [`counts`], [`close`], [`flush`] and [`wait_read`] of the handler that is the logger |
//! | `setup/outcome.rs` | [`Outcome`]: which logger [`init_or`] has set |
//! | `setup/error.rs` | [`InitError`] |
//! | `setup/env.rs` | names and reads both environment variables; checks the form of `RECORD_PIPE` (`filter.rs`: of `RECORD_PIPE_FILTER`) |
//! | `setup/adopt.rs` | checks that the descriptor is the pipe that `RECORD_PIPE` names; moves it to its own number |
//! | `setup/share.rs` | [`share_with`]: passes the pipe on to a child of this process |
//! | `setup/panic_hook.rs` | turns a panic into a record |
//! | `setup/exit_hook.rs` | closes the handlers at `return` from main and at `exit` |
//! | **`handler.rs`** | **[`PipeHandler`], the implementation of [`log::Log`]** |
//! | **`filter.rs`** | **filter: parses and checks the directives, decides which records are sent** |
//! | **`record/`** | **encode and stamp (both by `record-proto`), then commit** |
//! | `record/writer.rs` | a log call step by step: encode, stamp, commit, and count the record if it was not sent |
//! | `record/fragments.rs` | commit of all other records: in one piece or in fragments, truncated to the record limit |
//! | `record/built.rs` | records that the handler makes |
//! | `record/thread.rs` | the encoder, the buffer and the identity (id, name, fragment stream) of each thread |
//! | `record/counters.rs` | hands out sequence numbers, as late as possible; counts sent and dropped records; [`Counts`] |
//! | `record/session.rs` | whether this process, or a forked child, still has to write its hello; the instance |
//! | `record/hello.rs` | writes the hello: when the handler is made, and in a forked child before its first record |
//! | `record/account.rs` | reports drops; gives the rings back at the exit, and writes the close frame |
//! | **`transport/`** | **commit: the ways from encoded frames to the parent** |
//! | `transport/mod.rs` | `Transport`: the pipe alone, a shared buffer beside it, or a queue for a drain |
//! | `transport/delivery.rs` | `Delivery`: the choice between them |
//! | `transport/overflow.rs` | [`Overflow`], and the deadline that limits how long a log call waits |
//! | `transport/pipe.rs` | the write to the pipe, with flags for no SIGPIPE and no waiting; the wait for room; fallbacks for older kernels |
//! | `transport/own_fd.rs` | a descriptor of the handler, and the check that its number still means the same file |
//! | `transport/address.rs` | pipe and buffer as `RECORD_PIPE` names them |
//! | `transport/late_frame.rs`, `transport/written.rs` | a frame that is completed once there is room for it, and what became of it |
//! | `transport/wait_read_error.rs` | `WaitReadError` |
//! | **`sys/`** | **the operating system, and nothing about records** |
//! | `sys/process.rs` | the process's identity; notices a fork or clone |
//! | `sys/thread_id.rs` | the system's number of a thread |
//! | `sys/nesting.rs` | log calls inside log calls: limits their depth |
//! | `sys/sigpipe.rs` | queries the disposition of SIGPIPE, and keeps the signal from the program, if the kernel cannot |
//! | `sys/sigpipe_by_flag.rs` | its place on Apple's systems and NetBSD |
//! | `sys/atomic.rs` | 64-bit atomics, also on processors that have none |
//!
//! Rooms that the rest can be understood without:
//!
//! | file | content |
//! |---|---|
//! | **`transport/shared/`** | **(`shared-buffer`) rings in memory that the parent maps too; its `mod.rs` lists the files** |
//! | `transport/shared_unsupported.rs` | its place in builds and on systems without it |
//! | **`transport/drained/`** | **(`drain`) `Drain`, the queue in which log calls leave frames for it, and whether it is at work** |
//! | `record/span.rs` | encodes a span of `tracing` once, for all records within it |
//! | **`tracing/`** | **feature `tracing`: events and spans; uses setup, handler, filter and record** |
//! | `tracing/init.rs` | `init_tracing`, `init_tracing_with`, `init_tracing_or`: set subscriber and logger together |
//! | `tracing/layer.rs` | `PipeLayer`: makes each event a record, and encodes each span |
//! | `tracing/layer_filter.rs` | `PipeFilter`: the parent's filter for this layer alone |
//! | `tracing/event.rs` | an event, and a record of `log` within spans, as the encoder reads them |
//! | `tracing/fields.rs` | writes the message and the fields with their types |
//! | `tracing/scope.rs` | writes the spans that an event is in |
//! | `tracing/log_bridge.rs` | the process's logger: records of `log` go to the pipe and to the other layers |
//! | `tracing/callsites.rs` | recognises what `tracing` logs through `log` in addition |
//! | `record/unsent.rs` | (`scope`) a record that is encoded and not sent yet, and batches of such records |
//! | `record/kept.rs` | (`scope`) counts the records that are held back, for the close frame |
//! | **`scope/`** | **(`scope`) between handler and record: values, hold-back and groups of scopes. All else can be understood without it** |
//! | `scope/handle.rs` | `Scope`: values and settings, and the ways into it |
//! | `scope/guard.rs`, `scope/instrumented.rs` | `ScopeGuard`, `Instrumented`: a thread or a future that is in a scope |
//! | `scope/macros.rs` | `scope!` |
//! | `scope/stack.rs`, `scope/leave.rs` | the scopes that a thread is in, and how it leaves them |
//! | `scope/state.rs` | whether a thread is in a scope, in one word |
//! | `scope/layer.rs` | the values and settings of one scope |
//! | `scope/in_scope.rs` | an event with the values of the thread's scopes |
//! | `scope/wrap.rs` | `Scoped`: any logger, with these values in its records |
//! | `scope/place.rs` | decides whether a record is sent, kept, or makes kept records matter |
//! | `scope/hold_back.rs` | `HoldBack` and `AfterEscalation` |
//! | `scope/hold.rs` | the records that one scope keeps |
//! | `scope/turn.rs` | one thread at a time sends them |
//! | `scope/queue.rs`, `scope/merge.rs` | their memory, and their way from there to a batch |
//! | `scope/chunk.rs` | the memory for kept records: one thread appends, others may read |
//! | `scope/budget.rs` | the bound on the memory of all scopes together |
//! | `scope/keeper.rs` | tells a writer how many of its records are kept |
//! | `scope/dispatcher.rs` | `Dispatcher`: hands each record to the handler that is bound innermost |
//! | `scope/levels.rs` | log's global level, the highest of the handlers that are bound |
//! | `scope/per_process.rs` | a lock of each process, which a fork cannot leave locked |
//! | `scope/fork_mutex.rs`, `scope/inherited.rs` | such a lock whose value is new in a forked child, or a copy |

#![deny(missing_docs)]
// The exceptions are single functions, and the file of the calls on SIGPIPE; each gives its reason.
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!("pipe-handler is for Unix: it writes to an inherited pipe descriptor");

// Sorted by rustfmt. "Map of the source" above has them in the order of the calls.
mod filter;
mod handler;
mod record;
#[cfg(feature = "scope")]
mod scope;
mod setup;
mod sys;
#[cfg(feature = "tracing")]
mod tracing;
mod transport;

#[cfg(feature = "tracing")]
pub use self::tracing::{PipeFilter, PipeLayer, init_tracing, init_tracing_or, init_tracing_with};
#[cfg(feature = "scope")]
pub use scope::{
    AfterEscalation, ApplicationBinding, Dispatcher, HoldBack, Instrumented, Scope, ScopeGuard,
    Scoped,
};
#[cfg(feature = "drain")]
pub use transport::drained::Drain;
pub use {
    handler::PipeHandler,
    record::Counts,
    setup::{
        Builder, DEFAULT_EXIT_TIMEOUT, DEFAULT_MESSAGE_LIMIT, DEFAULT_RECORD_LIMIT, InitError,
        Outcome, close, counts, flush, init, init_or, share_with, wait_read,
    },
    transport::{Delivery, Overflow, WaitReadError},
};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
