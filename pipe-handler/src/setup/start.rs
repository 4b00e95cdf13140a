//! Builds the handler, chooses its filter, and sets it as the process's logger.

use std::{os::fd::OwnedFd, sync::Arc};

use log::{LevelFilter, Log};

use super::adopt::adopt;
use super::builder::Builder;
use super::env;
use super::error::InitError;
use super::exit_hook;
#[cfg(feature = "buffered")]
use super::guard::Guard;
use super::outcome::Outcome;
use super::panic_hook;
use super::share;
use super::variables;
use crate::filter::Filter;
use crate::handler::PipeHandler;
use crate::record::RecordWriter;
use crate::sys::process;
#[cfg(any(feature = "buffered", feature = "shared-buffer"))]
use crate::transport::Delivery;
#[cfg(feature = "buffered")]
use crate::transport::buffered::{AsyncPipe, Drain, Queue, drain};
#[cfg(feature = "shared-buffer")]
use crate::transport::shared::{Mapping, SharedBuffer};
use crate::transport::{Pipe, Transport, WriteEnd};
#[cfg(feature = "buffered")]
use tokio::io::AsyncWrite;

/// The longest process name in bytes.
const PROCESS_NAME_LIMIT: usize = 1024;

/// The filter if neither the program nor the parent sets one.
const DEFAULT_FILTER: &str = "info";

impl Builder {
    /// Makes a handler on the pipe that the parent gave, without setting it as the process's logger.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, or if the filter cannot be read. A later call can then still adopt the pipe.
    pub fn build(mut self) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let hooks = self.hooks();
        let handler = adopt(|end| self.make_on_adopted(filter, end))?;
        begin_session(&handler.writer, hooks);
        Ok(handler)
    }

    /// Makes a handler on any pipe. It reads only the filter from the environment.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read.
    pub fn build_on(mut self, write_end: impl Into<OwnedFd>) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let hooks = self.hooks();
        let end = Arc::new(WriteEnd::new(write_end.into()));
        let handler = self.make_on(filter, end)?;
        begin_session(&handler.writer, hooks);
        Ok(handler)
    }

    /// Makes a handler and a drain that writes its records to any `writer`, for example a socket or a compressor.
    ///
    /// The program has to poll the drain, for example as a task.
    ///
    /// Threads of a tokio runtime never wait for room, whatever the overflow policy is, because the drain may need the
    /// thread that would wait. In such a thread, a record that does not fit is dropped and counted.
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
        let hooks = self.hooks();
        let exit_timeout = self.settings.exit_timeout;
        let queue = self.queue();
        let handler = self.make_with(filter, Transport::Custom(Arc::clone(&queue)));
        begin_session(&handler.writer, hooks);
        let drain = Drain::new(handler.writer.transport(), queue, exit_timeout, writer);
        Ok((handler, drain))
    }

    /// Makes a handler on the pipe that the parent gave, sets it as the process's logger, and sets `log`'s maximum
    /// level.
    ///
    /// If the parent is already gone, that is not an error: records are then discarded.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, if the filter cannot be read, or if the process already has a logger. With buffered
    /// delivery, also if its thread cannot be started. A later call can then still adopt the pipe.
    pub fn init(self) -> Result<(), InitError> {
        self.start()?;
        Ok(())
    }

    /// Like [`init`](Self::init), and returns a guard that closes the handler before the process exits and returns the
    /// counts.
    ///
    /// # Errors
    ///
    /// As for `init`.
    #[cfg(feature = "buffered")]
    pub fn init_guarded(self) -> Result<Guard, InitError> {
        Ok(Guard::new(self.start()?))
    }

    /// Like [`init_guarded`](Self::init_guarded) with buffered delivery, but starts no thread for it.
    ///
    /// The program has to poll the drain, for example as a task.
    ///
    /// # Errors
    ///
    /// As for `init`.
    #[cfg(feature = "buffered")]
    pub fn init_with_drain(mut self) -> Result<(Guard, Drain), InitError> {
        let filter = self.read_filter()?;
        let hooks = self.hooks();
        let exit_timeout = self.settings.exit_timeout;
        let queue = self.queue();
        let buffered = Arc::clone(&queue);
        let writer = adopt(|end| {
            let pipe = Pipe::new(end, self.check_before_each_write);
            install(self.make_with(filter, Transport::Buffered(buffered, pipe)))
        })?;
        share::set_global(&writer);
        begin_session(&writer, hooks);
        let transport = writer.transport();
        let pipe = AsyncPipe::new(Arc::clone(&transport));
        let drain = Drain::new(transport, queue, exit_timeout, pipe).lend();
        Ok((Guard::new(writer), drain))
    }

    /// Like [`init`](Self::init), but sets `fallback` as the logger if there is no pipe or if it cannot be used.
    ///
    /// `log`'s maximum level is then trace, because this crate does not know the level of the fallback, which filters
    /// by itself. Set a lower maximum level afterwards to save those calls.
    ///
    /// If `RECORD_PIPE` is set and the pipe cannot be used, the fallback gets a warning with the reason.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read, or if the process already has a logger.
    pub fn init_or(self, fallback: impl Log + 'static) -> Result<Outcome, InitError> {
        match self.init() {
            Ok(()) => Ok(Outcome::Pipe),
            Err(error) if error.is_misuse() => Err(error),
            Err(reason) => {
                #[cfg(feature = "scope")]
                let fallback = crate::scope::Scoped::new(fallback);
                log::set_boxed_logger(Box::new(fallback))?;
                log::set_max_level(LevelFilter::Trace);
                Ok(Outcome::fallback(reason))
            }
        }
    }

    fn start(self) -> Result<Arc<RecordWriter>, InitError> {
        self.start_with(install)
    }

    /// Makes a handler on the pipe that the parent gave. `install` sets it as the process's logger.
    pub(crate) fn start_with(
        mut self,
        install: impl FnOnce(PipeHandler) -> Result<Arc<RecordWriter>, InitError>,
    ) -> Result<Arc<RecordWriter>, InitError> {
        let filter = self.read_filter()?;
        let hooks = self.hooks();
        let writer = adopt(|end| install(self.make_on_adopted(filter, end)?))?;
        share::set_global(&writer);
        begin_session(&writer, hooks);
        Ok(writer)
    }

    /// Chooses between the program's filter and the parent's. Call it before the pipe is touched: a filter that cannot
    /// be read must leave the pipe to the next call.
    ///
    /// A parent's filter that cannot be read is replaced by the default and becomes a warning in the session's first
    /// record.
    pub(crate) fn read_filter(&mut self) -> Result<Filter, InitError> {
        let own = self.filter.as_deref().unwrap_or(DEFAULT_FILTER);
        let own_filter =
            Filter::parse(own).ok_or_else(|| InitError::Filter { filter: own.into() })?;
        let requested = env::filter();
        let (filter, text) = match requested.as_deref().map(|text| (Filter::parse(text), text)) {
            None => (own_filter, own),
            Some((Some(filter), text)) => (filter, text),
            Some((None, _)) => (
                Filter::parse(DEFAULT_FILTER).unwrap_or(own_filter),
                DEFAULT_FILTER,
            ),
        };
        self.settings.filter = text.to_owned();
        let unreadable = requested.filter(|requested| *requested != self.settings.filter);
        self.settings.warning = unreadable.map(|filter| {
            format!(
                "cannot read the filter {filter:?} of {}, using info",
                variables::FILTER
            )
        });
        Ok(filter)
    }

    #[cfg(feature = "buffered")]
    fn queue(&self) -> Arc<Queue> {
        process::watch_forks();
        Arc::new(Queue::new(self.capacity))
    }

    /// Makes a handler on the pipe that the parent gave, with the buffer beside it if there is one.
    fn make_on_adopted(self, filter: Filter, end: Arc<WriteEnd>) -> Result<PipeHandler, InitError> {
        // Taken over whatever the delivery is: a buffer that is not used is closed.
        #[cfg(feature = "shared-buffer")]
        if let Some(shared) = adopt_buffer()
            && self.delivery == Delivery::Shared
        {
            let pipe = Pipe::new(end, self.check_before_each_write);
            return Ok(self.make_with(filter, Transport::Shared(Box::new(shared), pipe)));
        }
        self.make_on(filter, end)
    }

    /// Makes a handler on a pipe with the delivery that the settings name.
    fn make_on(self, filter: Filter, end: Arc<WriteEnd>) -> Result<PipeHandler, InitError> {
        let pipe = Pipe::new(end, self.check_before_each_write);
        #[cfg(feature = "buffered")]
        if self.delivery == Delivery::Buffered {
            let exit_timeout = self.settings.exit_timeout;
            let queue = self.queue();
            let handler = self.make_with(filter, Transport::Buffered(Arc::clone(&queue), pipe));
            drain::start(handler.writer.transport(), queue, exit_timeout)
                .map_err(InitError::Thread)?;
            return Ok(handler);
        }
        Ok(self.make_with(filter, Transport::Direct(pipe)))
    }

    /// Makes a handler on a transport.
    pub(crate) fn make_with(mut self, filter: Filter, transport: Transport) -> PipeHandler {
        process::watch_forks();
        self.settings.process = self.settings.process.map(cut_name);
        let writer = Arc::new(RecordWriter::new(
            Arc::new(transport),
            self.settings,
            #[cfg(feature = "scope")]
            &crate::scope::Scopes,
        ));
        PipeHandler {
            writer,
            filter,
            #[cfg(feature = "scope")]
            hold_back: self.hold_back,
        }
    }
}

/// Returns the buffer that the environment names. One that is refused is no error: everything goes through the pipe.
#[cfg(feature = "shared-buffer")]
fn adopt_buffer() -> Option<SharedBuffer> {
    let address = env::buffer()?;
    let (mapping, fd) = Mapping::adopt(&address).ok()?;
    Some(SharedBuffer::new(mapping, fd, address))
}

/// The hooks that a session installs.
struct Hooks {
    panic_hook: bool,
    #[cfg(feature = "scope")]
    hold_back: Option<Arc<crate::scope::Hold>>,
}

impl Builder {
    fn hooks(&self) -> Hooks {
        Hooks {
            panic_hook: self.panic_hook,
            #[cfg(feature = "scope")]
            hold_back: self.hold_back.clone(),
        }
    }
}

/// Sets a handler as the process's logger.
fn install(handler: PipeHandler) -> Result<Arc<RecordWriter>, InitError> {
    let writer = Arc::clone(&handler.writer);
    let level = handler.level();
    log::set_boxed_logger(Box::new(handler))?;
    log::set_max_level(level);
    Ok(writer)
}

/// Installs the hooks and writes the hello.
///
/// Call it only when nothing can fail any more. The hello of a handler that was never finished would announce a process
/// that logs nothing, and its panic hook could not be removed.
fn begin_session(writer: &Arc<RecordWriter>, hooks: Hooks) {
    exit_hook::close_at_exit(Arc::downgrade(writer));
    if hooks.panic_hook {
        panic_hook::log_panics(
            Arc::downgrade(writer),
            #[cfg(feature = "scope")]
            hooks.hold_back,
        );
    }
    writer.begin_session();
}

/// Cuts a process name: the hello has to fit into `PIPE_BUF` bytes, and records carry the same name.
fn cut_name(mut name: String) -> String {
    let mut length = name.len().min(PROCESS_NAME_LIMIT);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    name.truncate(length);
    name
}
