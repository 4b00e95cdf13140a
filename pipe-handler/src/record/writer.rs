//! `RecordWriter`: a log call step by step: encode, stamp, commit, and then count the record as sent or dropped.

use std::{sync::Mutex, time::Duration};

use log::Level;
use record_proto::{Event, HEAD_LENGTH, Identity, KeyValues, LogRecord, RecordEncoder};

use super::counters::{Counters, Counts, Number};
use super::session::{Phase, Session};
use super::thread::Buffers;
use crate::sys::{NestingGuard, process};
use crate::transport::{Deadline, LateFrame, Overflow, Transport, WaitReadError, Written};

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
#[derive(Debug, Default, Clone)]
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
    pub(crate) fn new(transport: Transport, settings: Settings) -> Self {
        Self {
            transport,
            settings,
            session: Session::default(),
            counters: Counters::default(),
            closed: Mutex::default(),
            #[cfg(feature = "scope")]
            kept: super::kept::Kept::default(),
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

    /// Makes and writes a record: the stages, in order.
    pub(crate) fn log(&self, event: &impl Event) {
        if self.discards() {
            return;
        }
        let level = event.level();
        let Some(_nesting) = NestingGuard::enter() else {
            // In a forked child, this sets the counters to zero before the drop is counted.
            self.open(&mut self.deadline(level));
            return self.drop_record(level);
        };
        let mut buffers = Buffers::take(self.deadline(level));
        self.identify(&mut buffers);
        buffers.encoder.format(event);
        // The session is opened after the formatting, which may have forked: then this is another process.
        match self.open(&mut buffers.commit.deadline) {
            true => {
                self.identify(&mut buffers);
                self.send(level, &mut buffers);
            }
            false => self.drop_record(level),
        }
        buffers.put_back();
    }

    /// Whether records are discarded: nobody reads them, or a drain is at work in this thread.
    #[inline]
    pub(super) fn discards(&self) -> bool {
        #[cfg(feature = "drain")]
        if crate::transport::drained::is_at_work() {
            return true;
        }
        self.is_gone()
    }

    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.session.is_gone() || self.transport.is_gone()
    }

    /// Returns how long a record of this level may wait for room.
    pub(crate) fn deadline(&self, level: Level) -> Deadline {
        let is_exempt = self.settings.exempt.is_some_and(|least| level <= least);
        Deadline::new(match is_exempt {
            true => Overflow::Block,
            false => self.settings.overflow,
        })
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
        let (encoder, thread) = (&mut buffers.encoder, &mut buffers.commit.thread);
        thread.follow_fork();
        let identity = Identity {
            pid: Some(pid()),
            process: self.settings.process.as_deref(),
            thread_id: thread.id,
            thread: thread.name.as_deref(),
            instance: Some(self.session.instance()),
        };
        encoder.identify(&identity, &self.settings.context);
        let limit = self.settings.record_limit;
        encoder.set_limits(self.settings.message_limit, limit, limit);
    }

    /// Numbers and writes the record that the encoder has formatted.
    // The hot path, also if scopes call it in other places.
    #[inline(always)]
    pub(super) fn send(&self, level: Level, buffers: &mut Buffers) {
        loop {
            let written = self.put_formatted(buffers);
            let commit = &mut buffers.commit;
            if written != Written::SessionOver || !self.begin_anew(buffers.instance, commit) {
                return self.count(written, level, &mut commit.number);
            }
            self.identify(buffers);
        }
    }

    /// Writes the record that the encoder has formatted.
    #[inline(always)]
    fn put_formatted(&self, buffers: &mut Buffers) -> Written {
        let Some(longest) = buffers.encoder.longest_frame() else {
            return Written::Full;
        };
        if longest - HEAD_LENGTH > self.settings.record_limit {
            return self.put_long(usize::MAX, buffers);
        }
        let mut frame = Formatted {
            longest,
            encoder: &mut buffers.encoder,
            number: &mut buffers.commit.number,
            counters: &self.counters,
        };
        match self.put(&mut frame, &mut buffers.commit.deadline) {
            Written::TooLong(limit) => self.put_long(limit, buffers),
            written => written,
        }
    }

    /// Writes a frame of a record, after a report of earlier drops if there is one.
    #[inline(always)]
    pub(super) fn put(&self, frame: &mut impl LateFrame, deadline: &mut Deadline) -> Written {
        let mut written = Written::Whole;
        if self.counters.any_unreported() {
            written = self.report_drops(deadline);
        }
        if written == Written::Whole {
            written = self.transport.put(frame, deadline);
        }
        if written == Written::Gone {
            self.session.set(Phase::Gone);
        }
        written
    }

    /// Counts a record that was sent or dropped.
    #[inline(always)]
    pub(super) fn count(&self, written: Written, level: Level, number: &mut Number) {
        match written {
            Written::Whole => number.settle(&self.counters),
            // Without a reader, records are discarded and not counted.
            Written::Gone => number.discard(&self.counters),
            _ => {
                self.count_dropped(level);
                // To the parent, a gap in the numbers is a loss: a dropped record has one too.
                number.get(&self.counters, false);
                number.settle(&self.counters);
            }
        }
    }

    /// Waits until everything logged so far has left this process, at most for the exit timeout.
    pub(crate) fn flush(&self) {
        // All ways but that over a drain hold nothing.
        #[cfg(feature = "drain")]
        self.transport.flush(&mut self.exit_deadline());
    }

    /// Waits until the parent has read everything that this process has logged.
    pub(crate) fn wait_read(&self, timeout: Duration) -> Result<(), WaitReadError> {
        if self.is_gone() {
            return Err(WaitReadError::Gone);
        }
        let (shared, pipe) = self.transport.shared().ok_or(WaitReadError::Pipe)?;
        shared.wait_read(pipe, timeout)
    }

    /// Looks whether the pipe has no reader any more, which a record in a shared buffer does not find out.
    pub(crate) fn look_for_reader(&self) -> bool {
        let pipe = self.transport.pipe.as_ref();
        if pipe.is_some_and(|pipe| pipe.has_reader() == Some(false)) {
            self.session.set(Phase::Gone);
        }
        self.is_gone()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sent: self.counters.sent(),
            dropped: self.counters.dropped().total(),
            #[cfg(feature = "scope")]
            held_back: self.held_back(),
        }
    }
}

/// The record that an encoder has formatted.
struct Formatted<'r> {
    longest: usize,
    encoder: &'r mut RecordEncoder,
    number: &'r mut Number,
    counters: &'r Counters,
}

impl LateFrame for Formatted<'_> {
    #[inline]
    fn longest(&self) -> usize {
        self.longest
    }

    #[inline]
    fn time(&self) -> u64 {
        self.encoder.time()
    }

    #[inline(always)]
    fn finish(&mut self, may_fail: bool) -> &[u8] {
        let seq = self.number.get(self.counters, may_fail);
        // It does not fail after `longest_frame`.
        self.encoder.finish(seq).unwrap_or_default()
    }
}

pub(super) fn pid() -> u64 {
    u64::from(process::pid())
}
