use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use log::{Level, LevelFilter, Log};
use record_proto::{DEFAULT_TEXT_LIMIT, KeyValues, Value};

#[cfg(feature = "buffered")]
use crate::{Delivery, Drain, Guard, drain, pipe_writer::AsyncPipe, queue::Queue};
use crate::{
    InitError, Overflow, PipeHandler,
    adopt::adopt,
    env, exit,
    filter::Filter,
    init::Outcome,
    outlet::{Outlet, Settings},
    panic,
    pipe::Pipe,
    process, share,
    transport::Transport,
    write_end::WriteEnd,
};
#[cfg(feature = "buffered")]
use tokio::io::AsyncWrite;

/// The longest message unless told otherwise: 256 KiB.
pub const DEFAULT_MESSAGE_LIMIT: usize = DEFAULT_TEXT_LIMIT;

/// The largest record unless told otherwise: 320 KiB.
pub const DEFAULT_RECORD_LIMIT: usize = 320 * 1024;

/// How long the process waits at its exit for room in the pipe unless told otherwise: 2 s.
pub const DEFAULT_EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many bytes of records each thread may have waiting in buffered delivery unless told otherwise: 512 KiB.
#[cfg(feature = "buffered")]
pub const DEFAULT_CAPACITY: usize = 512 * 1024;

/// The longest process name in bytes.
const NAME_LIMIT: usize = 1024;

/// What the filter is where nobody says.
const DEFAULT_FILTER: &str = "info";

/// Settings of a [`PipeHandler`].
///
/// ```no_run
/// use pipe_handler::{Overflow, PipeHandler};
///
/// PipeHandler::builder()
///     .filter("info,worker::db=debug")
///     .context("worker", 3)
///     .overflow(Overflow::DropNewest)
///     .exempt(log::Level::Warn)
///     .init()?;
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before init or build"]
pub struct Builder {
    filter: Option<String>,
    panic_hook: bool,
    check_before_each_write: bool,
    #[cfg(feature = "buffered")]
    delivery: Delivery,
    #[cfg(feature = "buffered")]
    capacity: usize,
    settings: Settings,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            filter: None,
            panic_hook: true,
            check_before_each_write: false,
            #[cfg(feature = "buffered")]
            delivery: Delivery::Direct,
            #[cfg(feature = "buffered")]
            capacity: DEFAULT_CAPACITY,
            settings: Settings {
                filter: String::new(),
                unreadable_filter: None,
                process: process::name(),
                context: KeyValues::new(),
                overflow: Overflow::Block,
                exempt: None,
                message_limit: DEFAULT_MESSAGE_LIMIT,
                record_limit: DEFAULT_RECORD_LIMIT,
                exit_timeout: DEFAULT_EXIT_TIMEOUT,
            },
        }
    }

    /// Which records are sent, in env_logger's directives: `info,worker::db=debug`. Levels and targets only: what
    /// env_logger searches for in messages, behind a slash, is not read.
    ///
    /// A word by itself that is no level is a target, all of whose records are sent, and no others. One that looks like a
    /// mistyped level (`inof`, `warning`) cannot be read, and neither can a text without directives.
    ///
    /// The parent's wish (`RECORD_PIPE_FILTER`) beats it. By default `info`.
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// Adds a key-value that every record of this process carries beside its own.
    pub fn context<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.settings.context.push(key, value);
        self
    }

    /// The name of the process in its records. By default that of the program.
    pub fn process_name(mut self, name: impl Into<String>) -> Self {
        self.settings.process = Some(name.into());
        self
    }

    /// What a log call does while the pipe is full. By default it [waits](Overflow::Block).
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Lets records of this level and more severe ones wait for room as long as it takes, whatever the overflow
    /// policy. By default none.
    pub fn exempt(mut self, least: Level) -> Self {
        self.settings.exempt = Some(least);
        self
    }

    /// The longest message in bytes; a longer one is cut, and its length noted. By default
    /// [`DEFAULT_MESSAGE_LIMIT`].
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_limit = bytes;
        self
    }

    /// The largest record in bytes, everything included. Beyond it the backtrace is cut first, then the key-values,
    /// then the message; see [`LogRecord::fit`](record_proto::LogRecord::fit). By default [`DEFAULT_RECORD_LIMIT`];
    /// a smaller limit than 8 KiB counts as 8 KiB.
    pub fn record_limit(mut self, bytes: usize) -> Self {
        // The names alone may take 5 KiB.
        self.settings.record_limit = bytes.max(8 * 1024);
        self
    }

    /// How long the process waits at its exit for room in the pipe, to say that this was all. By default
    /// [`DEFAULT_EXIT_TIMEOUT`].
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.settings.exit_timeout = timeout;
        self
    }

    /// Whether each panic becomes one record: level error, target `panic`, the message, where, in which thread, and
    /// under `RUST_BACKTRACE` the backtrace. The hook that was there before is called afterwards. By default it does.
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.panic_hook = on;
        self
    }

    /// Whether the descriptor is compared with the pipe before each write, for a program that closes descriptors which
    /// are not its own (one that turns itself into a daemon, say) and may then have another file under the number. By
    /// default it is compared only before a write is tried again and before waiting for room: a write that succeeds goes
    /// wherever the number leads.
    ///
    /// It costs a system call, 130 ns for each record. Between it and the write another thread may still replace the
    /// descriptor.
    pub fn check_before_each_write(mut self, on: bool) -> Self {
        self.check_before_each_write = on;
        self
    }

    /// How records get from the log call into the pipe. By default [`Delivery::Direct`].
    #[cfg(feature = "buffered")]
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// How many bytes of records each thread may have waiting in buffered delivery; a thread takes them when it logs for
    /// the first time. Where they are full the overflow policy holds. By default [`DEFAULT_CAPACITY`]; less than 16 KiB counts as 16 KiB.
    #[cfg(feature = "buffered")]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes.max(16 * 1024);
        self
    }

    /// Makes a handler on the pipe that the parent gave, without making it the process's logger.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, or the filter cannot be read. The pipe can then still be adopted.
    pub fn build(mut self) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let handler = adopt(|end| self.make(filter, end))?;
        begin(&handler.outlet, panic_hook);
        Ok(handler)
    }

    /// Makes a handler on any pipe: `write_end` need not come from the environment.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read.
    pub fn build_on(mut self, write_end: impl Into<OwnedFd>) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let end = Arc::new(WriteEnd::new(write_end.into()));
        let handler = self.make(filter, end)?;
        begin(&handler.outlet, panic_hook);
        Ok(handler)
    }

    /// Makes a handler whose records the returned drain writes to `writer`: a socket, a compressor, anything. The
    /// program polls the drain, as a task for example.
    ///
    /// Threads of a tokio runtime never wait for room, whatever the overflow policy: the drain may need the very thread
    /// that would wait. What does not fit there is dropped and counted.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read.
    #[cfg(feature = "buffered")]
    pub fn build_over<W>(mut self, writer: W) -> Result<(PipeHandler, Drain<W>), InitError>
    where
        W: AsyncWrite + Unpin + Send + std::fmt::Debug + 'static,
    {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let queue = self.queue();
        let handler = self.make_on(filter, Transport::Elsewhere(Arc::clone(&queue)));
        begin(&handler.outlet, panic_hook);
        let drain = Drain::new(Arc::clone(&handler.outlet), queue, writer);
        Ok((handler, drain))
    }

    /// Makes a handler on the pipe that the parent gave the process's logger, and sets `log`'s maximum level.
    ///
    /// A parent that is already gone is no error: records are then discarded.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, if the filter cannot be read, and if the process has a logger. The pipe can then still
    /// be adopted.
    pub fn init(self) -> Result<(), InitError> {
        self.start()?;
        Ok(())
    }

    /// Like [`init`](Self::init); the guard closes the pipe before the process exits and tells what was sent.
    ///
    /// # Errors
    ///
    /// As for `init`.
    #[cfg(feature = "buffered")]
    pub fn init_guarded(self) -> Result<Guard, InitError> {
        Ok(Guard::new(self.start()?))
    }

    /// Like [`init_guarded`](Self::init_guarded) with buffered delivery, but without a thread for it: the program polls
    /// the drain, as a task for example.
    ///
    /// # Errors
    ///
    /// As for `init`.
    #[cfg(feature = "buffered")]
    pub fn init_with_drain(mut self) -> Result<(Guard, Drain), InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let queue = self.queue();
        let buffered = Arc::clone(&queue);
        let outlet = adopt(|end| {
            let pipe = Pipe::new(end, self.check_before_each_write);
            install(self.make_on(filter, Transport::Buffered(buffered, pipe)))
        })?;
        begin(&outlet, panic_hook);
        let writer = AsyncPipe::new(Arc::clone(&outlet));
        let drain = Drain::new(Arc::clone(&outlet), queue, writer).lend();
        Ok((Guard::new(outlet), drain))
    }

    /// Like [`init`](Self::init), and makes `fallback` the logger if there is no pipe or it cannot be used.
    ///
    /// `log`'s maximum level is then trace, because the fallback's own is not known here: it filters by itself. Set
    /// it afterwards to save the calls. If `RECORD_PIPE` is set and the pipe cannot be had, the fallback gets a warning that
    /// says why.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read, and if the process has a logger.
    pub fn init_or(self, fallback: impl Log + 'static) -> Result<Outcome, InitError> {
        match self.init() {
            Ok(()) => Ok(Outcome::Pipe),
            Err(error) if error.is_misuse() => Err(error),
            Err(reason) => {
                log::set_boxed_logger(Box::new(fallback))?;
                log::set_max_level(LevelFilter::Trace);
                // A program that runs alone is as it should be. One that was given a pipe and cannot have it is not.
                if !matches!(reason, InitError::Absent) {
                    log::warn!(target: "pipe_handler", "no record pipe: {reason:?}");
                }
                Ok(Outcome::Fallback(reason))
            }
        }
    }

    fn start(mut self) -> Result<Arc<Outlet>, InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let outlet = adopt(|end| install(self.make(filter, end)?))?;
        begin(&outlet, panic_hook);
        Ok(outlet)
    }

    /// The filter that holds. It is read before the pipe is touched.
    pub(crate) fn read_filter(&mut self) -> Result<Filter, InitError> {
        let own = self.filter.as_deref().unwrap_or(DEFAULT_FILTER);
        let own_filter =
            Filter::parse(own).ok_or_else(|| InitError::Filter { filter: own.into() })?;
        let wished = env::filter();
        let (filter, text) = match wished.as_deref().map(|text| (Filter::parse(text), text)) {
            None => (own_filter, own),
            Some((Some(filter), text)) => (filter, text),
            Some((None, _)) => (
                Filter::parse(DEFAULT_FILTER).unwrap_or(own_filter),
                DEFAULT_FILTER,
            ),
        };
        self.settings.filter = text.to_owned();
        self.settings.unreadable_filter = wished.filter(|wished| *wished != self.settings.filter);
        Ok(filter)
    }

    #[cfg(feature = "buffered")]
    fn queue(&self) -> Arc<Queue> {
        process::watch();
        Arc::new(Queue::new(self.capacity))
    }

    /// A handler on a pipe, with the delivery that is set.
    fn make(self, filter: Filter, end: Arc<WriteEnd>) -> Result<PipeHandler, InitError> {
        let pipe = Pipe::new(end, self.check_before_each_write);
        #[cfg(feature = "buffered")]
        if self.delivery == Delivery::Buffered {
            let queue = self.queue();
            let handler = self.make_on(filter, Transport::Buffered(Arc::clone(&queue), pipe));
            drain::start(Arc::clone(&handler.outlet), queue).map_err(InitError::Thread)?;
            return Ok(handler);
        }
        Ok(self.make_on(filter, Transport::Direct(pipe)))
    }

    pub(crate) fn make_on(mut self, filter: Filter, transport: Transport) -> PipeHandler {
        process::watch();
        self.settings.process = self.settings.process.map(cut_name);
        let outlet = Arc::new(Outlet::new(transport, self.settings));
        PipeHandler { outlet, filter }
    }
}

/// Makes a handler the process's logger.
fn install(handler: PipeHandler) -> Result<Arc<Outlet>, InitError> {
    let outlet = Arc::clone(&handler.outlet);
    let level = handler.level();
    log::set_boxed_logger(Box::new(handler))?;
    log::set_max_level(level);
    share::set_global(&outlet);
    Ok(outlet)
}

/// Only when nothing can fail any more: the hello of a handler that never came to be would tell of a process that logs
/// nothing, and its panic hook could not be taken away.
fn begin(outlet: &Arc<Outlet>, panic_hook: bool) {
    exit::close_at_exit(Arc::downgrade(outlet));
    if panic_hook {
        panic::log_panics(Arc::downgrade(outlet));
    }
    outlet.greet();
}

/// The hello has to fit into one frame, and a record has no more of a name either.
fn cut_name(mut name: String) -> String {
    let mut length = name.len().min(NAME_LIMIT);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    name.truncate(length);
    name
}
