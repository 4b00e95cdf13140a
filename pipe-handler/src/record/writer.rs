//! A log call step by step: encode, stamp, commit, and then count the record as sent or dropped.

use std::{sync::Mutex, time::Duration};

use log::Level;
use record_proto::{Event, Identity, KeyValues, LogRecord};

use super::counters::{Counters, Counts};
use super::session::Session;
use super::thread::Buffers;
use crate::sys::{NestingGuard, Refused, process};
use crate::transport::{Deadline, Overflow, Pipe, Transport, WaitReadError};

/// Writes the records of one handler.
///
/// Each record is encoded in the calling thread's buffer and then handed to the transport. Before the log call returns,
/// it is in a ring of the shared buffer, in the pipe, or in the queue of a drain.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    pub(crate) transport: Transport,
    pub(crate) settings: Settings,
    pub(super) session: Session,
    pub(super) counters: Counters,
    /// The instance and the counts of the last close frame, so that the same frame is not written twice.
    pub(super) closed: Mutex<Option<(u32, Counts)>>,
    #[cfg(feature = "scope")]
    pub(super) kept: super::kept::Kept,
}

/// The settings of a [`RecordWriter`].
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The directives in use, which a child that shares the pipe gets too.
    pub(crate) filter: String,
    /// Logged as the session's first record if the parent's filter could not be read.
    pub(crate) warning: Option<String>,
    pub(crate) process: Option<String>,
    pub(crate) context: KeyValues<'static>,
    pub(crate) overflow: Overflow,
    pub(crate) exempt: Option<Level>,
    pub(crate) message_limit: usize,
    pub(crate) record_limit: usize,
    pub(crate) exit_timeout: Duration,
}

impl RecordWriter {
    pub(crate) fn new(
        transport: Transport,
        settings: Settings,
        #[cfg(feature = "scope")] keeper: &'static dyn super::Keeper,
    ) -> Self {
        Self {
            transport,
            settings,
            session: Session::new(),
            counters: Counters::new(),
            closed: Mutex::new(None),
            #[cfg(feature = "scope")]
            kept: super::kept::Kept::new(keeper),
        }
    }

    /// The pipe that the records are written to; `None` if they go to something other than a pipe.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        self.transport.pipe()
    }

    /// Whether this thread may wait for one that waits for room. A drain that is a task may need this very thread.
    #[cfg(feature = "scope")]
    pub(crate) fn may_wait_here(&self) -> bool {
        self.transport.may_wait_here()
    }

    /// Waits until everything logged so far has left this process. Returns `false` if the timeout was too short.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        if NestingGuard::is_suppressed() {
            return false;
        }
        let mut deadline = Deadline::new(Overflow::BlockFor(timeout));
        self.transport.flush(&mut deadline)
    }

    /// Waits until the parent has read everything that this process has logged.
    pub(crate) fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        if self.is_gone() {
            return Err(WaitReadError::Gone);
        }
        self.transport.wait_read(timeout)
    }

    /// Closes before another program replaces this one in this process.
    pub(crate) fn close_before_exec(&self) {
        let timeout = self.settings.exit_timeout;
        #[cfg(feature = "scope")]
        self.end_groups(&mut Deadline::new(Overflow::BlockFor(timeout)));
        self.close(timeout);
        self.transport
            .give_rings_back(&mut Deadline::new(Overflow::BlockFor(timeout)));
        self.session.forget();
    }

    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.session.is_gone() || self.transport.is_gone()
    }

    /// Looks whether the pipe has no reader any more, which a record in a shared buffer does not find out.
    pub(crate) fn look_for_reader(&self) -> bool {
        let is_gone = self
            .pipe()
            .is_some_and(|pipe| pipe.has_reader() == Some(false));
        if is_gone {
            self.session.mark_reader_gone();
        }
        is_gone
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sent: self.counters.sent(),
            dropped: self.counters.dropped().total(),
            #[cfg(feature = "scope")]
            held_back: self.held_back(),
        }
    }

    /// Writes the hello and, if there is one, the warning about the filter. If there is no room for the hello now, the
    /// first record tries again.
    pub(crate) fn begin_session(&self) {
        self.open(&mut self.deadline(Level::Trace));
        if let Some(warning) = &self.settings.warning {
            self.log_built(LogRecord::new(Level::Warn, "pipe_handler", warning));
        }
    }

    /// Makes and writes a record.
    pub(crate) fn log(&self, event: &impl Event) {
        if self.is_gone() {
            return;
        }
        let mut deadline = self.deadline(event.level());
        let _nesting = match NestingGuard::enter() {
            Ok(nesting) => nesting,
            Err(Refused::Suppressed) => return,
            Err(Refused::TooDeep) => {
                // In a forked child, this sets the counters to zero before the drop is counted.
                self.open(&mut deadline);
                return self.drop_record(event.level());
            }
        };
        let mut buffers = Buffers::take();
        self.deliver(event, &mut buffers, &mut deadline);
        buffers.put_back();
    }

    /// Returns how long a record of this level may wait for room.
    pub(crate) fn deadline(&self, level: Level) -> Deadline {
        let is_exempt = self.settings.exempt.is_some_and(|least| level <= least);
        Deadline::new(match is_exempt {
            true => Overflow::Block,
            false => self.settings.overflow,
        })
    }

    /// The stages of a record, in order.
    #[inline(always)]
    fn deliver(&self, event: &impl Event, buffers: &mut Buffers, deadline: &mut Deadline) {
        self.identify(buffers);
        buffers.encoder.format(event);
        // The session is opened after the formatting, which may have forked: then this is another process.
        if !self.open(deadline) {
            return self.drop_record(event.level());
        }
        self.identify(buffers);
        self.send(event.level(), None, buffers, deadline);
    }

    /// Sets the encoder's identity to that of this thread in this session, unless it is already. After each fork the
    /// session has another instance.
    #[inline]
    pub(super) fn identify(&self, buffers: &mut Buffers) {
        let instance = Some(self.session.instance());
        if buffers.instance != instance {
            self.identify_anew(buffers);
            buffers.instance = instance;
        }
    }

    #[cold]
    fn identify_anew(&self, buffers: &mut Buffers) {
        let Buffers {
            encoder, thread, ..
        } = buffers;
        thread.follow_fork();
        let identity = Identity {
            pid: Some(thread.pid.into()),
            process: self.settings.process.as_deref(),
            thread_id: thread.id,
            thread: thread.name.as_deref(),
            instance: Some(self.session.instance()),
        };
        encoder.identify(&identity, &self.settings.context);
        let limit = self.settings.record_limit;
        encoder.set_limits(self.settings.message_limit, limit, limit);
    }
}

pub(super) fn pid() -> u64 {
    u64::from(process::pid())
}
