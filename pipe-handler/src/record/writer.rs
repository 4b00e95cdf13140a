use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use log::Level;
use record_proto::{Dropped, Encode, KeyValues, Levels, LogRecord, now, split};

use super::counters::{Counters, Counts, ThreadCounter};
use super::frames::Frames;
use super::session::Session;
use super::thread::{Buffers, Thread};
use crate::sys::{NestingGuard, Refused, process};
use crate::transport::{Deadline, Overflow, PIPE_BUF, Pipe, Transport, Written};

/// Where the records of this process go. Each is encoded in the calling thread's buffer and then handed to the
/// transport: written to the pipe before the log call returns, or left in the thread's staging buffer for a drain.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    pub(super) transport: Arc<Transport>,
    pub(crate) settings: Settings,
    pub(super) session: Session,
    pub(super) counters: Counters,
    /// What the last close frame said and of which instance, so that it is not said twice.
    pub(super) closed: Mutex<Option<(u32, Counts)>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) filter: String,
    /// Is the session's first record: the parent's filter could not be read.
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
    pub(crate) fn new(transport: Arc<Transport>, settings: Settings) -> Self {
        Self {
            transport,
            settings,
            session: Session::new(),
            counters: Counters::new(),
            closed: Mutex::new(None),
        }
    }

    #[cfg(feature = "buffered")]
    pub(crate) fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.transport)
    }

    /// The pipe that the records go to, if it is one.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        self.transport.pipe()
    }

    /// Waits until everything logged so far is in the pipe; `false` where the time was too short for that.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        if NestingGuard::is_suppressed() {
            return false;
        }
        let mut deadline = Deadline::new(Overflow::BlockFor(timeout));
        self.transport.flush(&mut deadline)
    }

    /// This process is about to become another program.
    pub(crate) fn close_before_exec(&self) {
        self.close(self.settings.exit_timeout);
        self.session.forget();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.session.is_gone() || self.transport.is_gone()
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            sent: self.counters.sent(),
            dropped: self.counters.dropped().total(),
        }
    }

    /// Says hello, unless it was said or there is no room for it now; then the first record does it.
    pub(crate) fn begin_session(&self) {
        self.open(&mut self.deadline(Level::Trace));
        if let Some(warning) = &self.settings.warning {
            self.log_built(LogRecord::new(Level::Warn, "pipe_handler", warning));
        }
    }

    pub(crate) fn log(&self, record: &log::Record<'_>) {
        if self.is_gone() {
            return;
        }
        let mut deadline = self.deadline(record.level());
        let _nesting = match NestingGuard::enter() {
            Ok(nesting) => nesting,
            Err(Refused::Suppressed) => return,
            Err(Refused::TooDeep) => {
                // In a forked child this sets the counters to zero first.
                self.open(&mut deadline);
                return self.drop_record(record.level());
            }
        };
        let mut buffers = Buffers::take();
        self.deliver(record, &mut buffers, &mut deadline);
        buffers.put_back();
    }

    /// Logs something that is no `log::Record`: a panic.
    pub(crate) fn log_built(&self, record: LogRecord<'_>) {
        let mut deadline = self.deadline(record.level);
        // What carries records away must not wait for itself, not even when it panics.
        if self.is_gone() || NestingGuard::is_suppressed() {
            return;
        }
        if !self.open(&mut deadline) {
            return self.drop_record(record.level);
        }
        let mut buffers = Buffers::take();
        let Buffers {
            frames,
            thread,
            counter,
            ..
        } = &mut *buffers;
        let mut record = record;
        let stream = self.stamp(&mut record, thread);
        let written = self.write_record(&mut record, frames, stream, &mut deadline);
        self.count(written, record.level, counter);
        buffers.put_back();
    }

    fn deadline(&self, level: Level) -> Deadline {
        let exempt = self.settings.exempt.is_some_and(|least| level <= least);
        Deadline::new(match exempt {
            true => Overflow::Block,
            false => self.settings.overflow,
        })
    }

    fn deliver(&self, record: &log::Record<'_>, buffers: &mut Buffers, deadline: &mut Deadline) {
        let Buffers {
            scratch,
            frames,
            thread,
            counter,
        } = buffers;
        scratch.set_limits(self.settings.message_limit, self.settings.record_limit);
        let mut record = scratch.capture(record);
        // Only now: what was formatted may have forked, and then this is another process.
        if !self.open(deadline) {
            return self.drop_record(record.level);
        }
        let stream = self.stamp(&mut record, thread);
        let written = self.write_record(&mut record, frames, stream, deadline);
        self.count(written, record.level, counter);
    }

    #[inline]
    fn count(&self, written: Written, level: Level, counter: &mut ThreadCounter) {
        match written {
            // The buffers of a nested record are gone behind it, and a counter with them.
            Written::Whole if !counter.is_open() && NestingGuard::is_nested() => {
                self.counters.count_sent_by_no_thread()
            }
            Written::Whole => self.counters.count_sent(counter),
            Written::Full => self.counters.count_dropped(level),
            Written::Gone => {}
        }
    }

    /// Adds what the handler knows, and returns the thread's fragment stream. The number comes last, when nothing can come
    /// between it and the write but the end of the process.
    fn stamp<'r>(&'r self, record: &mut LogRecord<'r>, thread: &'r mut Thread) -> u64 {
        thread.follow_fork();
        record.pid = Some(thread.pid.into());
        record.instance = Some(self.session.instance());
        record.process = self.settings.process.as_deref().map(Cow::Borrowed);
        record.thread_id = thread.id;
        record.thread = thread.name.as_deref().map(Cow::Borrowed);
        record.context = self.settings.context.borrowed();
        record.truncate_names();
        record.seq = self.counters.next_seq();
        thread.stream
    }

    fn write_record(
        &self,
        record: &mut LogRecord<'_>,
        frames: &mut Frames,
        stream: u64,
        deadline: &mut Deadline,
    ) -> Written {
        let due = self.counters.take_unreported();
        frames.begin(|report| self.encode_report(due, report));
        let mut reported = false;
        let written = match self.put_record(record, frames) {
            true => self.write_frames(frames, record.time, stream, deadline, &mut reported),
            false => Written::Full,
        };
        if let Some(counts) = due.filter(|_| !reported) {
            self.counters.give_back(counts);
        }
        written
    }

    /// Encodes the record within its limit; `false` if there is no memory for it.
    #[inline]
    fn put_record(&self, record: &mut LogRecord<'_>, frames: &mut Frames) -> bool {
        if !frames.put(record) {
            return false;
        }
        let length = frames.payload().len();
        length <= self.settings.record_limit || self.put_cut(record, frames, length)
    }

    #[cold]
    fn put_cut(&self, record: &mut LogRecord<'_>, frames: &mut Frames, length: usize) -> bool {
        // Cutting takes copies of its parts and of the whole.
        let has_memory = Vec::<u8>::new().try_reserve_exact(3 * length).is_ok();
        if has_memory {
            record.truncate_to(self.settings.record_limit);
        }
        has_memory && frames.put(record)
    }

    /// Writes the report and the record in one piece where they fit into one, else one after the other.
    fn write_frames(
        &self,
        frames: &mut Frames,
        time: u64,
        stream: u64,
        deadline: &mut Deadline,
        reported: &mut bool,
    ) -> Written {
        if frames.all().len() <= PIPE_BUF {
            let written =
                self.check_reader(self.transport.write_record(frames.all(), time, deadline));
            *reported = written == Written::Whole;
            return written;
        }
        self.write_in_pieces(frames, stream, deadline, reported)
    }

    fn write_in_pieces(
        &self,
        frames: &mut Frames,
        stream: u64,
        deadline: &mut Deadline,
        reported: &mut bool,
    ) -> Written {
        if !frames.report().is_empty() {
            let written = self.write(frames.report(), deadline);
            if written != Written::Whole {
                return written;
            }
        }
        *reported = true;
        if frames.record().len() <= PIPE_BUF {
            return self.write(frames.record(), deadline);
        }
        let mut fragment = std::mem::take(&mut frames.scratch);
        if fragment.try_reserve(PIPE_BUF).is_err() {
            return Written::Full;
        }
        let mut written = Written::Whole;
        for piece in split(frames.payload(), Some(pid()), stream, PIPE_BUF) {
            fragment.clear();
            piece.encode_frame(&mut fragment);
            written = self.write(&fragment, deadline);
            if written != Written::Whole {
                break;
            }
        }
        frames.scratch = fragment;
        written
    }

    pub(super) fn write(&self, bytes: &[u8], deadline: &mut Deadline) -> Written {
        self.check_reader(self.transport.write(bytes, deadline))
    }

    fn check_reader(&self, written: Written) -> Written {
        if written == Written::Gone {
            self.session.mark_reader_gone();
        }
        written
    }

    #[inline]
    pub(super) fn encode_report(&self, due: Option<Levels>, out: &mut Vec<u8>) {
        if let Some(counts) = due {
            self.encode_drops(counts, out);
        }
    }

    #[cold]
    fn encode_drops(&self, counts: Levels, out: &mut Vec<u8>) {
        let mut dropped = Dropped::new();
        dropped.pid = Some(pid());
        dropped.time = Some(now());
        dropped.counts = counts;
        dropped.instance = Some(self.session.instance());
        dropped.encode_frame(out);
    }

    pub(super) fn drop_record(&self, level: Level) {
        self.counters.next_seq();
        self.counters.count_dropped(level);
    }
}

pub(super) fn pid() -> u64 {
    u64::from(process::pid())
}
