//! Builds the handler, chooses its filter, and sets it as the process's logger.

use std::{os::fd::OwnedFd, sync::Arc};

use log::{LevelFilter, Log};

use super::adopt::adopt;
use super::builder::Builder;
use super::env::{self, FILTER};
use super::error::InitError;
use super::exit_hook;
use super::logger;
use super::outcome::Outcome;
use super::panic_hook;
use crate::filter::Filter;
use crate::handler::PipeHandler;
use crate::record::RecordWriter;
#[cfg(feature = "drain")]
use crate::transport::drained::{Drain, Queue};
use crate::transport::shared::SharedBuffer;
use crate::transport::{Delivery, OwnFd, Pipe, Transport};

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
    pub fn build(self) -> Result<PipeHandler, InitError> {
        Ok(self.adopt_with(Ok)?.1)
    }

    /// Makes a handler on any pipe. It reads only the filter from the environment.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read.
    pub fn build_on(self, write_end: impl Into<OwnedFd>) -> Result<PipeHandler, InitError> {
        let end = Arc::new(OwnFd::new(write_end.into()));
        let pipe = Pipe::new(end, self.check_before_each_write);
        self.build_with(Transport::new(pipe, None))
    }

    /// Makes a handler and a drain that writes its records to any `writer`, for example a socket or a compressor.
    ///
    /// The program has to poll the drain, for example as a task, and to await it after it has dropped the handler:
    /// records that the drain has not written are lost when the process ends, however it ends.
    ///
    /// Up to 1 MiB waits for the drain. Beyond that, the overflow policy applies. Threads of a tokio runtime never wait,
    /// whatever the policy is, because the drain may need the thread that would wait. In such a thread, a record that
    /// does not fit is dropped and counted. Threads take a lock to leave a record; it is held for one copy.
    ///
    /// # Errors
    ///
    /// If the filter cannot be read.
    #[cfg(feature = "drain")]
    pub fn build_over<W>(self, writer: W) -> Result<(PipeHandler, Drain<W>), InitError>
    where
        W: tokio::io::AsyncWrite + Unpin,
    {
        let queue = Arc::new(Queue::new());
        let handler = self.build_with(Transport::over(Arc::clone(&queue)))?;
        Ok((handler, Drain::new(queue, writer)))
    }

    /// Makes a handler on the pipe that the parent gave, sets it as the process's logger, and sets `log`'s maximum
    /// level.
    ///
    /// If the parent is already gone, that is not an error: records are then discarded.
    ///
    /// # Errors
    ///
    /// If there is no such pipe, if the filter cannot be read, or if the process already has a logger. A later call can
    /// then still adopt the pipe.
    pub fn init(self) -> Result<(), InitError> {
        self.start_with(install)
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

    /// Makes a handler on the pipe that the parent gave. `install` sets it as the process's logger.
    pub(crate) fn start_with(
        self,
        install: impl FnOnce(PipeHandler) -> Result<(), InitError>,
    ) -> Result<(), InitError> {
        let (writer, ()) = self.adopt_with(install)?;
        logger::set(writer);
        Ok(())
    }

    /// Makes a handler on the pipe that the parent gave, with the buffer beside it if there is one, and passes it to
    /// `install`, which may still fail.
    fn adopt_with<T>(
        mut self,
        install: impl FnOnce(PipeHandler) -> Result<T, InitError>,
    ) -> Result<(Arc<RecordWriter>, T), InitError> {
        let filter = self.read_filter()?;
        let (writer, installed) = adopt(|end| {
            let pipe = Pipe::new(end, self.check_before_each_write);
            // A buffer that is refused is no error: everything goes through the pipe. It is taken over whatever the
            // delivery is: one that is not used is closed.
            let shared = env::buffer().and_then(|buffer| SharedBuffer::adopt(&buffer).ok());
            let shared = shared.filter(|_| self.delivery == Delivery::Shared);
            let handler = self.make_with(filter, Transport::new(pipe, shared));
            Ok((Arc::clone(&handler.writer), install(handler)?))
        })?;
        self.begin_session(&writer);
        Ok((writer, installed))
    }

    fn build_with(mut self, transport: Transport) -> Result<PipeHandler, InitError> {
        let filter = self.read_filter()?;
        let handler = self.make_with(filter, transport);
        self.begin_session(&handler.writer);
        Ok(handler)
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
        let Some(requested) = env::filter() else {
            self.settings.filter = own.to_owned();
            return Ok(own_filter);
        };
        if let Some(filter) = Filter::parse(&requested) {
            self.settings.filter = requested;
            return Ok(filter);
        }
        let warning = format!("cannot read the filter {requested:?} of {FILTER}, using info");
        self.settings.warning = Some(warning);
        self.settings.filter = DEFAULT_FILTER.to_owned();
        Ok(Filter::parse(DEFAULT_FILTER).unwrap_or(own_filter))
    }

    /// Makes a handler on a transport.
    pub(crate) fn make_with(&mut self, filter: Filter, transport: Transport) -> PipeHandler {
        // The hello has to fit into `PIPE_BUF` bytes, and records carry the same name.
        if let Some(name) = &mut self.settings.process {
            while name.len() > PROCESS_NAME_LIMIT {
                name.pop();
            }
        }
        PipeHandler {
            writer: Arc::new(RecordWriter::new(transport, self.settings.clone())),
            filter,
            #[cfg(feature = "scope")]
            hold_back: self.hold_back.clone(),
        }
    }

    /// Installs the hooks and writes the hello.
    ///
    /// Call it only when nothing can fail any more. The hello of a handler that was never finished would announce a
    /// process that logs nothing, and its panic hook could not be removed.
    fn begin_session(&self, writer: &Arc<RecordWriter>) {
        // A handler with a drain cannot be closed at exit: only the drain can write.
        if writer.transport.pipe.is_some() {
            exit_hook::close_at_exit(Arc::downgrade(writer));
        }
        if self.panic_hook {
            panic_hook::log_panics(
                Arc::downgrade(writer),
                #[cfg(feature = "scope")]
                self.hold_back.clone(),
            );
        }
        writer.begin_session();
    }
}

/// Sets a handler as the process's logger.
fn install(handler: PipeHandler) -> Result<(), InitError> {
    let level = handler.level();
    log::set_boxed_logger(Box::new(handler))?;
    log::set_max_level(level);
    Ok(())
}
