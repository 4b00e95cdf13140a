use std::time::Duration;

use log::Level;
use record_proto::{DEFAULT_TEXT_LIMIT, KeyValues, Value};

use crate::handler::PipeHandler;
use crate::record::Settings;
use crate::sys::process;
#[cfg(feature = "buffered")]
use crate::transport::Delivery;
use crate::transport::Overflow;

/// The longest message unless told otherwise: 256 KiB.
pub const DEFAULT_MESSAGE_LIMIT: usize = DEFAULT_TEXT_LIMIT;

/// The largest record unless told otherwise: 320 KiB.
pub const DEFAULT_RECORD_LIMIT: usize = 320 * 1024;

/// How long the process waits at its exit for room in the pipe unless told otherwise: 2 s.
pub const DEFAULT_EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many bytes of records each thread may have waiting in buffered delivery unless told otherwise: 512 KiB.
#[cfg(feature = "buffered")]
pub const DEFAULT_CAPACITY: usize = 512 * 1024;

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
    pub(super) filter: Option<String>,
    pub(super) panic_hook: bool,
    pub(super) check_before_each_write: bool,
    #[cfg(feature = "buffered")]
    pub(super) delivery: Delivery,
    #[cfg(feature = "buffered")]
    pub(super) capacity: usize,
    pub(super) settings: Settings,
}

impl PipeHandler {
    /// Settings to start from.
    pub fn builder() -> Builder {
        Builder::new()
    }
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
                warning: None,
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
    /// then the message; see [`LogRecord::truncate_to`](record_proto::LogRecord::truncate_to). By default [`DEFAULT_RECORD_LIMIT`];
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
}
