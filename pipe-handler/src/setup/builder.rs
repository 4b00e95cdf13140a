//! The settings of a handler and their defaults.

use std::time::Duration;

use log::Level;
use record_proto::{DEFAULT_TEXT_LIMIT, Value};

use crate::handler::PipeHandler;
use crate::record::Settings;
use crate::sys::process;
use crate::transport::{Delivery, Overflow};

/// The default of [`Builder::message_limit`]: 256 KiB.
pub const DEFAULT_MESSAGE_LIMIT: usize = DEFAULT_TEXT_LIMIT;

/// The default of [`Builder::record_limit`]: 320 KiB.
pub const DEFAULT_RECORD_LIMIT: usize = 320 * 1024;

/// The default of [`Builder::exit_timeout`]: 2 s.
pub const DEFAULT_EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Builds a [`PipeHandler`].
///
/// Made by [`PipeHandler::builder`]. The methods named `build*` return a handler; those named `init*` also set it as
/// the process's logger.
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
    pub(super) delivery: Delivery,
    #[cfg(feature = "scope")]
    pub(super) hold_back: Option<std::sync::Arc<crate::scope::Hold>>,
    pub(super) settings: Settings,
}

impl PipeHandler {
    /// Returns a builder with the default settings.
    pub fn builder() -> Builder {
        Builder {
            filter: None,
            panic_hook: true,
            check_before_each_write: false,
            delivery: Delivery::default(),
            #[cfg(feature = "scope")]
            hold_back: None,
            settings: Settings {
                process: process::name(),
                message_limit: DEFAULT_MESSAGE_LIMIT,
                record_limit: DEFAULT_RECORD_LIMIT,
                exit_timeout: DEFAULT_EXIT_TIMEOUT,
                ..Settings::default()
            },
        }
    }
}

impl Builder {
    /// Sets which records are sent, in env_logger's directives: `info,worker::db=debug`. The default is `info`.
    ///
    /// A filter that the parent sets (`RECORD_PIPE_FILTER`) takes precedence.
    ///
    /// Directives consist of levels and targets. env_logger's search in messages, which follows a slash, cannot be
    /// read.
    ///
    /// A word by itself that is not a level is a target: all of its records are sent, and no others. A word that looks
    /// like a mistyped level (`inof`, `warning`) cannot be read, and neither can a text without directives. The methods
    /// that build the handler then return [`InitError::Filter`](crate::InitError::Filter).
    pub fn filter(mut self, directives: impl Into<String>) -> Self {
        self.filter = Some(directives.into());
        self
    }

    /// Adds a key-value that every record of this process carries in addition to its own.
    pub fn context<'v>(mut self, key: &str, value: impl Into<Value<'v>>) -> Self {
        self.settings.context.push(key, value);
        self
    }

    /// Sets the name of the process in its records. The default is the file name of the program.
    ///
    /// A name of more than 1024 bytes is cut.
    pub fn process_name(mut self, name: impl Into<String>) -> Self {
        self.settings.process = Some(name.into());
        self
    }

    /// Sets how a log call behaves while its ring or the pipe is full. The default is to [wait](Overflow::Block).
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.overflow = overflow;
        self
    }

    /// Exempts records of this level and of more severe levels from the overflow policy: they wait for room as long as
    /// it takes. By default no level is exempt.
    pub fn exempt(mut self, least: Level) -> Self {
        self.settings.exempt = Some(least);
        self
    }

    /// Sets the longest message in bytes. A longer one is cut, and the record notes its length. The default is
    /// [`DEFAULT_MESSAGE_LIMIT`].
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_limit = bytes;
        self
    }

    /// Sets the largest record in bytes, everything included. The default is [`DEFAULT_RECORD_LIMIT`]; a value below 8
    /// KiB counts as 8 KiB.
    ///
    /// In a larger record the backtrace is cut first, then the key-values, then the message; see
    /// [`LogRecord::truncate_to`](record_proto::LogRecord::truncate_to).
    ///
    /// By default, a parent gives up records of more than 384 KiB
    /// ([`DEFAULT_RECORD_LIMIT`](record_proto::DEFAULT_RECORD_LIMIT) of `record-proto`) and counts them as malformed.
    /// Raise its limit too if you raise this one above that.
    pub fn record_limit(mut self, bytes: usize) -> Self {
        // The names (process, thread, target and others) may take 5 KiB, which no limit cuts.
        self.settings.record_limit = bytes.max(8 * 1024);
        self
    }

    /// Sets how long the process waits at its exit for room for the close frame. The
    /// default is [`DEFAULT_EXIT_TIMEOUT`].
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.settings.exit_timeout = timeout;
        self
    }

    /// Sets whether each panic is logged as one record. The default is `true`.
    ///
    /// The record has level error, target `panic`, the panic's message, file and line, the thread and, if
    /// `RUST_BACKTRACE` asks for it, the backtrace. The previous panic hook is called afterwards.
    pub fn panic_hook(mut self, on: bool) -> Self {
        self.panic_hook = on;
        self
    }

    /// Sets whether the handler checks before each write that its descriptor still is the pipe. The default is `false`.
    ///
    /// Use it in a program that closes descriptors that it does not own, for example to become a daemon, and may then
    /// open another file under the same number. By default the handler checks only before it repeats a write and before
    /// it waits for room, so a write that succeeds at once goes to whatever file has the number.
    ///
    /// The check is one system call, 130 ns for each record. Another thread may still replace the descriptor between
    /// the check and the write.
    pub fn check_before_each_write(mut self, on: bool) -> Self {
        self.check_before_each_write = on;
        self
    }

    /// Sets how records get from the log call to the parent. The default is [`Delivery::Shared`].
    pub fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Holds the records of the whole process back until they matter; see [`HoldBack`](crate::HoldBack).
    ///
    /// A severe record of any thread sends the records that all threads have kept, in the order of their times. Scopes
    /// that hold records back themselves keep those apart.
    #[cfg(feature = "scope")]
    pub fn hold_back(mut self, settings: crate::HoldBack) -> Self {
        self.hold_back = Some(crate::scope::Hold::new_back(settings));
        self
    }
}
