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
#[cfg(feature = "buffered")]
use crate::transport::{
    Delivery,
    buffered::{AsyncPipe, Drain, Queue, drain},
};
use crate::transport::{Pipe, Transport, WriteEnd};
#[cfg(feature = "buffered")]
use tokio::io::AsyncWrite;

/// The longest process name in bytes.
const NAME_LIMIT: usize = 1024;

/// What the filter is where nobody says.
const DEFAULT_FILTER: &str = "info";

/// The ways to start.
impl Builder {
    /// Makes a handler on the pipe that the parent gave, without making it the process's logger.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, or the filter cannot be read. The pipe can then still be adopted.
    pub fn build(mut self) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let handler = adopt(|end| self.make(filter, end))?;
        begin(&handler.writer, panic_hook);
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
        begin(&handler.writer, panic_hook);
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
        let exit_timeout = self.settings.exit_timeout;
        let queue = self.queue();
        let handler = self.make_on(filter, Transport::Heap(Arc::clone(&queue)));
        begin(&handler.writer, panic_hook);
        let drain = Drain::new(handler.writer.transport(), queue, exit_timeout, writer);
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
        let exit_timeout = self.settings.exit_timeout;
        let queue = self.queue();
        let buffered = Arc::clone(&queue);
        let writer = adopt(|end| {
            let pipe = Pipe::new(end, self.check_before_each_write);
            install(self.make_on(filter, Transport::Buffered(buffered, pipe)))
        })?;
        begin(&writer, panic_hook);
        let transport = writer.transport();
        let pipe = AsyncPipe::new(Arc::clone(&transport));
        let drain = Drain::new(transport, queue, exit_timeout, pipe).lend();
        Ok((Guard::new(writer), drain))
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

    fn start(mut self) -> Result<Arc<RecordWriter>, InitError> {
        let filter = self.read_filter()?;
        let panic_hook = self.panic_hook;
        let writer = adopt(|end| install(self.make(filter, end)?))?;
        begin(&writer, panic_hook);
        Ok(writer)
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
        let unreadable = wished.filter(|wished| *wished != self.settings.filter);
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

    /// A handler on a pipe, with the delivery that is set.
    fn make(self, filter: Filter, end: Arc<WriteEnd>) -> Result<PipeHandler, InitError> {
        let pipe = Pipe::new(end, self.check_before_each_write);
        #[cfg(feature = "buffered")]
        if self.delivery == Delivery::Buffered {
            let exit_timeout = self.settings.exit_timeout;
            let queue = self.queue();
            let handler = self.make_on(filter, Transport::Buffered(Arc::clone(&queue), pipe));
            drain::start(handler.writer.transport(), queue, exit_timeout)
                .map_err(InitError::Thread)?;
            return Ok(handler);
        }
        Ok(self.make_on(filter, Transport::Direct(pipe)))
    }

    pub(crate) fn make_on(mut self, filter: Filter, transport: Transport) -> PipeHandler {
        process::watch_forks();
        self.settings.process = self.settings.process.map(cut_name);
        let writer = Arc::new(RecordWriter::new(Arc::new(transport), self.settings));
        PipeHandler { writer, filter }
    }
}

/// Makes a handler the process's logger.
fn install(handler: PipeHandler) -> Result<Arc<RecordWriter>, InitError> {
    let writer = Arc::clone(&handler.writer);
    let level = handler.level();
    log::set_boxed_logger(Box::new(handler))?;
    log::set_max_level(level);
    share::set_global(&writer);
    Ok(writer)
}

/// Only when nothing can fail any more: the hello of a handler that never came to be would tell of a process that logs
/// nothing, and its panic hook could not be taken away.
fn begin(writer: &Arc<RecordWriter>, panic_hook: bool) {
    exit_hook::close_at_exit(Arc::downgrade(writer));
    if panic_hook {
        panic_hook::log_panics(Arc::downgrade(writer));
    }
    writer.begin_session();
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
