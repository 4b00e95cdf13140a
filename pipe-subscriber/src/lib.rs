//! Reads the log records of child processes from their pipes and hands them to the parent's logger.
//!
//! ```text
//!   child process (1..n, any language)
//!   log::info!(..)
//!       |
//!   pipe-handler, or any other writer of frames
//!       |
//!   =============== anonymous pipe, and rings in shared memory ================
//!       |
//!   wait             until the pipe has bytes, or the grace period ends  read
//!       |
//!   copy out         bytes into one read buffer, split into frames       read
//!       |
//!   decode           a frame's payload into a view of a record that      account
//!       |            borrows all of its parts; join fragments
//!       |
//!   account          received, dropped, missing -> Summary at the end    account
//!       |
//!   escape, attach   control characters; label, pid, process             dispatch
//!       |
//!   dispatch         log::logger() -> env_logger, fern, OTel, ...        dispatch
//! ```
//!
//! The words on the right are the folders of the source; the [last section](#map-of-the-source) lists their files.
//!
//! An *account* has the counts of one process. The first frame of a process is its *hello*, with its pid and name. When
//! it has no more records, it sends a *close frame* with its totals, for example the number of records that it sent.
//!
//! This crate is the parent's side. The child's side is `pipe-handler`. All that the two share is the frame format of
//! [`record_proto`] and, for rings, its layout of the shared memory. A complete parent:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tokio::process::Command;
//!
//! let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
//! let status = logs.run_until(child.wait()).await?; // into log::logger()
//! let summary = logs.run().await?;                  // the rest of the pipe, and the end
//! # assert_eq!(summary.received, 0);
//! # Ok(()) }
//! ```
//!
//! - [`Spawn`] has the settings of the child, [`PipeSubscriber`] the settings of reading.
//! - A [label](Spawn::label) tells the records of several children apart. [`LabelIn`] sets which part of a record shows
//!   it to the logger.
//! - [`run`](PipeSubscriber::run) reads into the global logger, [`run_into`](PipeSubscriber::run_into) into any logger,
//!   [`run_with`](PipeSubscriber::run_with) into a closure. [`records`](PipeSubscriber::records) is a `Stream`.
//!   [`run_on_thread`](PipeSubscriber::run_on_thread) is for programs without a runtime and for slow loggers.
//! - [`run_until`](PipeSubscriber::run_until), [`run_into_until`](PipeSubscriber::run_into_until) and
//!   [`run_with_until`](PipeSubscriber::run_with_until) read until a future is ready, for example the child's exit.
//!   They can be cancelled at any moment and lose nothing: use them in a `select!` and with a timeout.
//! - [`Spawn::prepare`] is for a child that somebody else starts: it returns the variables and the descriptor that the
//!   child must be given. [`watch`](PipeSubscriber::watch) then names the child.
//! - [`spawn()`] offers the child 8 MiB of memory to log into, beside the pipe. A record costs no system call there
//!   while this process keeps up, unless it finds this process asleep and has to wake it. Nothing that was logged is
//!   lost, as in the pipe. [`Spawn::buffer`] (feature `shared-buffer`) sets the length, 0 for none.
//! - [`live_summary`](PipeSubscriber::live_summary) shows the figures while another task or thread reads. A logger is
//!   warned if a child drops records, at most every 10 s.
//! - [`collect`] is for tests: it runs a child and returns its records.
//!   [How do I test that my worker logs?](collect#how-do-i-test-that-my-worker-logs)
//! - [`PipeSubscriber::new`] reads from any `AsyncRead`: a socket, a stored stream, a pipe that was made elsewhere.
//!
//! The name comes from Logbook. A `Subscriber` of `tracing` is something else: the collector within one process.
//!
//! # Programs that use `tracing`
//!
//! With the feature `tracing`, a parent that uses `tracing` needs no logger of `log`:
#![cfg_attr(feature = "tracing", doc = "```")]
#![cfg_attr(not(feature = "tracing"), doc = "```ignore")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use tokio::process::Command;
//! tracing_subscriber::fmt().init();
//!
//! let (mut child, mut logs) = pipe_subscriber::spawn(Command::new("true"))?;
//! let status = logs.run_into_tracing_until(child.wait()).await?; // into the default dispatcher
//! let summary = logs.run_into_tracing().await?;                  // the rest of the pipe, and the end
//! # assert!(status.success() && summary.received == 0);
//! # Ok(()) }
//! ```
//!
//! - Records become events with the child's own target, level, module, file and line, and with typed fields, whether the
//!   child uses `log` or `tracing`. So filters by target and level, and filters of layers, hold for children too.
//! - `run_into_tracing` describes the names of the fields, and what happens to a child that sends endless new targets.
//!   `run_into_dispatch` is for a given dispatcher.
//! - The spans of a child are shown around its events. They are not spans of the parent: `ChildSpans` has the filter that
//!   leaves them out of exporters. A parent with `log` only shows them as one key-value `spans`.
//! - Children log at the larger one of the levels of `log` and of `tracing`, unless [`Spawn::filter`] is set.
//! - [`Spawn::trace_context`] lets a child's own exporter continue the parent's trace. It needs no feature.
//!
//! If the program has set up `tracing-log` too, [`run`](PipeSubscriber::run) reaches the same subscriber through `log`, but
//! without key-values and spans. Use one of the two ways for a child, not both.
//!
//! # Children that only write lines
//!
//! Shells, tools and programs in other languages write lines to stdout and stderr. With the feature `capture`,
//! [`Spawn::capture`] makes a record of each line. It comes through the same subscriber as the records of the pipe:
//! with the label, a level, the child's pid, and the time at which the line was read.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "capture")] {
//! use log::Level;
//! use pipe_subscriber::{Spawn, Streams};
//!
//! let mut command = std::process::Command::new("sh");
//! command.args(["-c", "echo 'warning: no swap' >&2; echo '{\"level\":\"error\",\"msg\":\"no disk\",\"id\":7}' >&2"]);
//! let streams = Streams::stderr().recognise_levels();
//! let (mut child, logs) = Spawn::new(command).label("check").capture(streams).spawn()?;
//!
//! let mut seen = Vec::new();
//! logs.run_with(|record| seen.push((record.level, format!("{} {}", record.message, record.key_values)))).await?;
//! assert_eq!(seen[0], (Level::Warn, "warning: no swap {}".to_owned()));
//! assert_eq!(seen[1], (Level::Error, r#"no disk {"id":7}"#.to_owned()));
//! # child.wait()?;
//! # }
//! # Ok(()) }
//! ```
//!
//! - The level of a line is that of its stream (info for stdout, warn for stderr). With
//!   [`recognise_levels`](Streams::recognise_levels), it is the level that the line shows, if it shows one.
//! - The lines of a panic, a traceback or a stack trace become one record.
//! - A child may write as much as it likes: lines are cut at 64 KiB, and a [rate limit](Spawn::rate_limit), which holds
//!   for the records of the pipe too, keeps a flood out of the log.
//! - Many programs write to stdout in blocks if it is not a terminal; [`Spawn::capture`] lists remedies.
//!
//! # Guarantees
//!
//! - **No logged record is lost.** A record whose log call returned is in memory of both processes or in the pipe, and is
//!   handed on however the child dies, as long as this process lives and reads.
//! - **No loss is unseen.** Every record that a child counted is received, reported as dropped, or missing in
//!   the [`Summary`]. Log calls that other threads had begun and not finished when their process ended, after its close
//!   frame, are counted apart, as [`in_flight`](Summary::in_flight). If a process ended without a close frame, the
//!   summary reports that it may have logged more.
//! - **Every end has a [type](StreamEnd).** A payload that cannot be decoded is counted and costs no other payload.
//!   After an impossible length, everything is read and thrown away, so that the child does not die of a closed pipe.
//! - **Reading ends.** [`spawn`] leaves no write end in this process. A child's pipe ends once there was nothing to
//!   read for a [grace period](Spawn::grace) after the child's exit, even if another process holds it (Linux).
//! - **Memory is bounded** for each child. There is one read buffer. Records whose fragments have not all arrived take
//!   at most 4 MiB ([settable](PipeSubscriber::reassembly_limit)). A record in fragments has at most 384 KiB
//!   ([settable](PipeSubscriber::record_limit)); a longer one is counted as malformed. While it is handed on, it and
//!   the escaped copy of its text take less than 8 MiB. At most 1,024 processes are listed in the summary; the others
//!   are counted as one sum. Up to 1,152 have an account in memory. With the feature `tracing`, call sites take at most
//!   4 MiB in the whole process, of which one child adds at most 1 MiB; they are never freed.
//!   A captured stream takes less than 1 MiB. A buffer (`Spawn::buffer`) takes at most 8 KiB more than its length (8 MiB
//!   by default), shared with the child, and 64 KiB of this process's own.
//! - **The time for one record is bounded.** Of each record at most 8,192 values (key-values, list items, spans,
//!   sources of an error) are kept ([settable](PipeSubscriber::value_limit)); a mark replaces the others. Decoding and
//!   escaping one record takes up to 2 ms if it is as long as possible and consists of controls, and less than 1 ms
//!   otherwise. The project's SECURITY.md has the figures.
//! - **A logger cannot break the stream.** If it panics, the panic is caught and counted. If it is slow, it delays the
//!   task that runs it. After 64 payloads or 1 ms, that task yields to tasks that are ready. The clock is read after at
//!   most 8 payloads, and sooner after a long one: each 4 KiB count as one more. After 1,024 payloads, or
//!   at the first yield after 250 us, it also yields to tasks that wait for I/O or a timer. With
//!   [`run_on_thread`](PipeSubscriber::run_on_thread), the logger is called outside of the runtime that reads, so it
//!   may use a runtime of its own. The thread takes no signal that is meant for the program.
//! - **A child's text is inert.** Control characters are [escaped](Escaping) before a logger sees them. Nothing that a
//!   child writes into its own pipe can forge the key-values that the parent [attaches](Attach). Nor can it forge a
//!   label, whichever [part](LabelIn) of the record shows the label. (Children of the same user can open each other's
//!   pipes through `/proc`; the project's SECURITY.md lists the countermeasures.)
//!
//! # Not guaranteed
//!
//! - A record's contents are the child's claims: pids, times and names are not checked.
//! - Records come in the order of their arrival. Within one thread of a child that is the order of its log calls;
//!   across threads and children it is not the order of their times. In a buffer (`Spawn::buffer`), a record that was
//!   logged before another one comes first, whichever threads and processes of the child logged them. Such a record also
//!   comes before one that was sent through the pipe later; the other way round nothing is promised.
//! - If a process ended without a close frame, for example because it was killed, up to one record per thread may be
//!   missing without being counted, and so may drops that it had not reported yet.
//! - A logger that never returns stops its task. With [`run_on_thread`](PipeSubscriber::run_on_thread) it stops nothing
//!   else in the parent; the child then waits as its overflow policy says.
//! - A child that closes its end early, or never opens it, is no error. If a child wrote nothing at all, the summary
//!   reports that it did not adopt the pipe. A [program between](Spawn#programs-between) parent and child (one that
//!   starts the child for the parent, such as sudo or a shell) may have closed the pipe or cleared the environment.
//!
//! # Costs
//!
//! A record is decoded in the read buffer and handed on without a copy and without an allocation, unless its text
//! needs escaping or it came in fragments: 97 ns, 35 of which are spent in a logger that reads every field.
//!
//! Up to 64 different combinations of process, thread, module and file are kept, and are not decoded again. The same
//! holds for targets and for contexts. Any other one is decoded and copied, which allocates.
//!
//! The pipe of a quiet writer waits in the runtime's poll as any other. The pipe of a busy writer is taken out of the
//! poll and read at ticks of 100 us, so that no write has to wake the reader. Silent children cause no wakeups, unless
//! the system [refuses](Spawn::grace) to watch them. A shared buffer is read in the same way: at ticks while records
//! keep coming, and all buffers of the process together have 40,000 a second or more; otherwise when a child rings
//! through the pipe. No tick is set that comes later than 1 ms after the last record.
//!
//! Handing a record to tracing instead of a logger takes 1.5 times as long: 138 ns, in a subscriber that reads every field.
//! With two spans that are those of an earlier record it takes 167 ns, and with two new ones, which have to be made, 1.0 us.
//! A logger of `log`, which gets the spans as one text, takes 371 ns and 622 ns.
//!
//! The figures are from the project's benchmark on a Xeon of 2 cores, which also measures the alternatives:
//! `cargo run --release --manifest-path tests/bench/Cargo.toml -- all` in the repository.
//!
//! # Systems
//!
//! - **Linux** is the system that is tested. Everything on this page holds there.
//! - **macOS**: compiled, not tested. The exit of a child is not watched, so that neither the grace period nor
//!   [`watch`](PipeSubscriber::watch) has an effect: reading ends when no process holds the pipe any more.
//! - **FreeBSD** and **NetBSD**: the same as macOS. OpenBSD has not been tried.
//! - **Windows**: the crate does not compile. A child cannot be given a pipe by descriptor there. `record-proto` does
//!   compile: let the child write frames to its stdout, and read them with its codec.
//!
//! # Features
//!
//! - `capture`: [`Spawn::capture`] makes records of the lines of a child's stdout and stderr. It adds `serde_json`.
//! - `frames`: `PipeSubscriber::frames` yields whole frames, for programs that pass them on instead of logging them.
//! - `shared-buffer` (on by default): children are offered memory to log into; `Spawn::buffer` sets its length. Linux
//!   only; on other systems it changes nothing.
//! - `kv_serde`: lists and maps among the key-values reach the logger as structures; without it as JSON text.
//! - `tracing`: records become events of `tracing`; see [above](#programs-that-use-tracing).
//!
//! # Map of the source
//!
//! `spawn` starts the child. `subscriber` runs the loop: it calls `read` for payloads, `account` to decode and count
//! them, `dispatch` to log them. `capture` adds records of other streams to the loop. All may use `sys`.
//!
//! Between the pipe and the codec of `record-proto` stands `FramedRead` of tokio-util: it has the read buffer.
//!
//! `BufferReader` of `record-proto` (`stream/ring/`) reads the rings of a shared buffer. It checks everything that a
//! child has written there, gives up a ring that makes no sense, and restores the order of records of different
//! rings. `read/rings` decides when it looks.
//!
//! From `account` on, a record is a `RecordView` of `record-proto`. A plain record, as nearly all are, is decoded by
//! its `RecordDecoder`, which keeps parts of earlier records. Any other is decoded to a [`LogRecord`], which the view
//! borrows. The view becomes a `LogRecord` for a closure, for a `Stream` and for escaping, and a `log::Record` for a
//! logger. If a record has no process name, `account` fills in the one that its process sent before, for example in its
//! hello.
//!
//! The way of one record to `log::logger()`, with a shared buffer:
//!
//! | function | file | what it does |
//! |---|---|---|
//! | `PipeSubscriber::run` | `subscriber/run.rs` | polls the reader, and passes it a closure that calls the logger |
//! | `RecordReader::poll_to_end` | `subscriber/record_reader.rs` | the loop: asks for payloads, and takes them one by one |
//! | `FrameReader::poll_payload` | `read/frame_reader.rs` | reads the pipe, then looks at the rings |
//! | `Rings::look`, `poll_look` | `read/rings/rings.rs` | looks; without new frames waits for a tick, or lets the task sleep until a child writes a bell into the pipe |
//! | `Rings::next_payload` | `read/rings/rings.rs` | the next frame by `BufferReader`, and the reports of dropped records |
//! | `Receiver::receive` | `account/receiver.rs` | lets `RecordDecoder` of `record-proto` decode a plain record; anything else goes to `receive_unusual` |
//! | `Accounts::record` | `account/accounts.rs` | counts it for its process |
//! | `Dispatch::log` | `dispatch/logger.rs` | filters, escapes, adds the label, calls the logger |
//!
//! Paths are relative to `src`.
//!
//! | file | holds |
//! |---|---|
//! | **`collect.rs`** | **[`collect`]: runs a child to its end for a test, on top of all others** |
//! | **`spawn`** | **starts the child and gives it the write end** |
//! | `spawn/builder.rs` | [`Spawn`]: the settings of the child |
//! | `spawn/settings.rs` | these settings, whatever the command; makes the subscriber |
//! | `spawn/start.rs` | [`spawn()`] and [`Spawn::spawn`]: the steps that start a child; the pipe is made here |
//! | `spawn/filter.rs` | [`Spawn::filter`]; the default is the level of this process |
//! | `spawn/command.rs` | [`SpawnCommand`]: the commands of std and tokio |
//! | `spawn/buffer.rs` | `Spawn::buffer`: the length of the memory that the child is offered (feature `shared-buffer`) |
//! | `spawn/buffer_offer.rs` | has the shared buffer made (`Rings::new`), and offers it to the child |
//! | `spawn/capture.rs` | [`Spawn::capture`] |
//! | `spawn/rate_limit.rs` | [`Spawn::rate_limit`] |
//! | `spawn/line_pipes.rs` | makes the pipes of the streams that are captured |
//! | `spawn/handover.rs` | [`Via`]; passes the descriptor to the child and sets `RECORD_PIPE` |
//! | `spawn/trace_context.rs` | the variables of [`Spawn::trace_context`] |
//! | `spawn/prepare.rs` | [`Spawn::prepare`] and [`Handover`]: for a child that is started by other means |
//! | **`subscriber`** | **the public reader and the loops that drive it** |
//! | `subscriber/pipe_subscriber.rs` | [`PipeSubscriber`]: the settings of reading |
//! | `subscriber/run.rs` | the `run` methods: each connects the reader to a logger or a closure |
//! | `subscriber/run_tracing.rs` | the `run` methods for tracing |
//! | `subscriber/watch.rs` | `watch` and `watch_pid`: name the child that somebody else has started |
//! | `subscriber/records.rs` | [`Records`]: the records as a `Stream` |
//! | `subscriber/frames.rs` | `Frames`: the whole frames as a `Stream` (feature `frames`) |
//! | `subscriber/reader_stream.rs` | the common part of these two streams |
//! | `subscriber/record_reader.rs` | takes payloads from `read` to `account`, views of records to a closure; catches and counts a logger's panics |
//! | `subscriber/record_reader/limited.rs` | the same under a rate limit |
//! | `subscriber/record_reader/take_frame.rs` | the same for whole frames |
//! | `subscriber/record_reader/reports.rs` | what it hands on besides: reports of suppressed records, warnings about drops, live figures |
//! | `subscriber/live_summary.rs` | [`LiveSummary`]: the figures while another task reads |
//! | `subscriber/drop_warnings.rs` | the warnings about records that a child has dropped |
//! | `subscriber/level_report.rs` | the records of this crate's own: how many records of each level were dropped, or suppressed |
//! | `subscriber/due.rs` | when such a record is to be handed on |
//! | `subscriber/rate_limit.rs` | decides which records are handed on, and makes the report of the others |
//! | `subscriber/own_runtime.rs` | the runtime of `run_on_thread` |
//! | `subscriber/error.rs` | [`ReadError`] |
//! | **`capture`** | **makes records of the lines of stdout and stderr (feature `capture`)** |
//! | `capture/streams.rs` | `Streams`: which streams are captured, and how |
//! | `capture/captured_streams.rs` | reads both streams beside the frames, and decides about their order |
//! | `capture/line_stream.rs` | one stream: its pipe, and the records that are made of it |
//! | `capture/assembler.rs` | makes records of bytes; does no I/O and reads no clock |
//! | `capture/line_buffer.rs` | finds lines, and bounds their length |
//! | `capture/entry.rs` | the text of a record to be; replaces bytes that are no UTF-8 |
//! | `capture/overwritten.rs` | progress bars: one record a second |
//! | `capture/joiner.rs` | keeps the lines of a trace together |
//! | `capture/trace.rs` | which lines belong to a trace: a state machine for each kind |
//! | `capture/level_text.rs` | the level of a line of plain text; removes colours |
//! | `capture/level_word.rs` | the levels that words and numbers stand for |
//! | `capture/json_line.rs` | the level, message, time and key-values of a JSON line |
//! | `capture/json_object.rs` | the members of a JSON object, whose values are still text |
//! | `capture/json_roles.rs` | which members of a JSON line are its level, message and time |
//! | `capture/timestamp.rs` | reads the times of JSON lines |
//! | **`read`** | **waits for bytes, copies them out, splits them into payloads** |
//! | `read/frame_reader.rs` | payloads from the pipe and from the rings of a buffer, in order, and how the stream ended |
//! | `read/pipe_frames.rs` | payloads from any `AsyncRead`; drains a corrupt stream |
//! | `read/rings/rings.rs` | the rings of a shared buffer: looks, hands out frames, sleeps (feature `shared-buffer`) |
//! | `read/rings_unsupported.rs` | the same interface for other systems, and without the feature |
//! | `read/rings/ring_pacing.rs` | decides when rings are read at ticks |
//! | `read/rings/load.rs` | counts the frames of all buffers, to tell whether ticks are worth their cost |
//! | `read/rings/ticks.rs` | the ticks at which a busy buffer is looked at |
//! | `read/rings/dropped_counts.rs` | makes reports of the counts of dropped records in a buffer; `account` counts them as those from the pipe |
//! | `read/coop_budget.rs` | decides when the reader yields its turn to the runtime |
//! | `read/child_pipe.rs` | [`ChildPipe`]: ends at the end of file, or after the child's exit and the grace period |
//! | `read/pipe/pipe.rs` | the read end: waits in the runtime's poll or for ticks |
//! | `read/pipe/paced.rs` | reads it at ticks |
//! | `read/pipe/system.rs` | the system calls that read it |
//! | `read/pipe_unsupported.rs` | the same without pacing, for systems other than Linux |
//! | `read/pipe_gauge.rs` | whether the record pipe is empty, for `capture` |
//! | `read/pipe/pacing.rs` | decides when a writer is busy enough to be read at ticks |
//! | `read/ticker.rs` | the ticks: one timer for each runtime and period |
//! | `read/exit/exit_watch.rs` | notices the child's exit, then waits for the grace period |
//! | `read/exit/exit_watch_unsupported.rs` | the same interface for systems other than Linux |
//! | `read/exit/child_process.rs` | asks for the exit by pid if there is no descriptor for the process |
//! | `read/exit/grace.rs` | how much of a grace period is left |
//! | **`account`** | **decodes, counts and sums up** |
//! | `account/receiver.rs` | decodes each payload to a view within the limits, joins fragments, counts the malformed and the unknown |
//! | `account/receiver/figures.rs` | makes the summary |
//! | `account/receiver/whole_frames.rs` | the same for a reader of whole frames |
//! | `account/whole_frame.rs` | `WholeFrame` and `FrameKind` |
//! | `account/captured.rs` | `CapturedStream`: the figures of a captured stream |
//! | `account/tee.rs` | writes received frames to the writer of [`tee`](PipeSubscriber::tee) |
//! | `account/accounts.rs` | one account for each process, at most 1,152, and the sums over all |
//! | `account/process_account.rs` | one process's counters and name; computes `missing` and `in_flight` |
//! | `account/summary.rs` | [`Summary`], [`ProcessSummary`], [`StreamEnd`] |
//! | `account/summary_line.rs` | a summary as one line of text |
//! | `account/reasons.rs` | the texts of [`Summary::reasons`] |
//! | **`dispatch`** | **prepares a record for a logger and calls it** |
//! | `dispatch/logger.rs` | filters, escapes, puts the label's prefix before target or message, calls the logger |
//! | `dispatch/escape.rs` | [`Escaping`]: escapes control characters, in one copy of each text |
//! | `dispatch/label_in.rs` | [`LabelIn`]: the setting for the part that shows the label; makes the prefix |
//! | `dispatch/attach.rs` | [`Attach`]: the type of the list of the parent's key-values, with their names |
//! | `dispatch/tracing/tracer.rs` | hands records to a dispatcher of tracing (feature `tracing`, as all files of this folder) |
//! | `dispatch/tracing/event.rs` | one event, and the question whether it is enabled |
//! | `dispatch/tracing/shown.rs` | a record as the parent shows it |
//! | `dispatch/tracing/fields.rs` | the fields of an event or a span, with their types |
//! | `dispatch/tracing/chain.rs` | the spans of a child, made again and kept open |
//! | `dispatch/tracing/child_spans.rs` | `ChildSpans`: the setting for these spans, and their target |
//! | `dispatch/tracing/call_site.rs` | a call site of a child, as tracing knows it |
//! | `dispatch/tracing/sites.rs` | the call sites of one subscriber, found without a lock |
//! | `dispatch/tracing/interner.rs` | the call sites of all children, up to a number of bytes |
//! | `dispatch/tracing/shared.rs` | the call sites that records share beyond that |
//! | `dispatch/parent_keys.rs` | attaches these as key-values, the label among them; renames a child's equal keys |
//! | **`sys`** | **system calls, used by the others** |
//! | `sys/alarm.rs` | wakes a task at a time, by the timer of the next line |
//! | `sys/timer.rs` | a timer that does not need the runtime's; a descriptor, or else the thread of the next line |
//! | `sys/timer_unsupported.rs` | the same interface for systems other than Linux: always a thread |
//! | `sys/thread_timer.rs` | a timer that is a thread |
//! | `sys/registration.rs` | registers a descriptor with the runtime |
//! | `sys/shared_memory/memory.rs` | the memory of a shared buffer, which is made and sealed here; wakes those that wait for a word of it |
//! | `sys/shared_memory/membarrier.rs` | the fences that writers of such memory leave to its reader |
//! | `sys/soft_limit.rs` | the limits of this process |
//! | `sys/shared_memory/limits.rs` | refuses such memory if it could kill a process later |
//! | `sys/pipe_quota.rs` | enlarges pipes, up to a quota of this process |
//! | `sys/pidfd.rs` | checks that a descriptor is that of a process |
//! | `sys/pidfd_unsupported.rs` | the same interface for systems other than Linux |
//! | `sys/signal_mask.rs` | blocks signals in this crate's threads |
//! | `sys/panics.rs` | drops a caught panic safely |

#![deny(missing_docs, unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The docs link to items of features that may be off.
#![cfg_attr(not(feature = "capture"), allow(rustdoc::broken_intra_doc_links))]

#[cfg(not(unix))]
compile_error!(
    "pipe-subscriber is for Unix: it passes pipes to child processes by descriptor. \
     On other systems the records of a stream can be read with record-proto."
);

#[cfg(unix)]
mod account;
#[cfg(all(unix, feature = "capture"))]
mod capture;
#[cfg(unix)]
mod collect;
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

#[cfg(all(unix, feature = "tracing"))]
pub use dispatch::{ChildSpans, SPAN_TARGET};
pub use record_proto::{Levels, LogRecord};
#[cfg(unix)]
pub use {
    account::{ProcessSummary, StreamEnd, Summary},
    collect::collect,
    dispatch::{Attach, Escaping, LabelIn},
    read::ChildPipe,
    spawn::{Handover, Spawn, SpawnCommand, Via, spawn},
    subscriber::{LiveSummary, PipeSubscriber, ReadError, Records},
};

#[cfg(all(unix, feature = "frames"))]
pub use {
    account::{FrameKind, WholeFrame},
    subscriber::Frames,
};

#[cfg(all(unix, feature = "capture"))]
pub use {account::CapturedStream, capture::Streams};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
