use std::{borrow::Cow, sync::Mutex, thread, time::Duration};

use log::Level;
use record_proto::{Close, Dropped, Encode, Hello, KeyValues, Levels, LogRecord, cut, now};

use crate::{
    Overflow, env,
    greeting::{Greeting, Phase},
    ledger::Ledger,
    local::{Buffers, Frames, Nesting, Refused, Thread},
    overflow::Patience,
    pipe::{PIPE_BUF, Pipe, Written},
    process,
    transport::{Sent, Transport},
};

/// Where the records of this process go. Each is encoded in the calling thread's buffer and then handed to the
/// transport: written to the pipe before the log call returns, or left in the thread's staging buffer for a drain.
#[derive(Debug)]
pub(crate) struct Outlet {
    transport: Transport,
    pub(crate) settings: Settings,
    greeting: Greeting,
    ledger: Ledger,
    /// What the last close frame said, so that it is not said twice.
    closed: Mutex<Option<(u64, Closed)>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) filter: String,
    /// A filter of the parent's that could not be read, to be told of.
    pub(crate) unreadable_filter: Option<String>,
    pub(crate) process: Option<String>,
    pub(crate) context: KeyValues<'static>,
    pub(crate) overflow: Overflow,
    pub(crate) exempt: Option<Level>,
    pub(crate) message_limit: usize,
    pub(crate) record_limit: usize,
    pub(crate) exit_timeout: Duration,
}

/// How long to wait before looking again whether another thread has said hello.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

/// What a process has sent and dropped.
///
/// ```no_run
/// let handler = pipe_handler::PipeHandler::builder().build()?;
/// // ... the handler is used as a logger ...
/// if let Some(closed) = handler.close() {
///     eprintln!("{} records sent, {} dropped", closed.sent, closed.dropped);
/// }
/// # Ok::<(), pipe_handler::InitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Records that were sent: with direct delivery and behind a close or flush they are in the pipe.
    pub sent: u64,
    /// Records that were dropped.
    pub dropped: u64,
}

impl Outlet {
    pub(crate) fn new(transport: Transport, settings: Settings) -> Self {
        Self {
            transport,
            settings,
            greeting: Greeting::new(),
            ledger: Ledger::default(),
            closed: Mutex::new(None),
        }
    }

    /// The pipe that the records go to, if it is one.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        self.transport.pipe()
    }

    /// Waits until everything logged so far is in the pipe; `false` where the time was too short for that.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        if Nesting::is_quiet() {
            return false;
        }
        let mut patience = Patience::new(Overflow::BlockFor(timeout));
        self.transport.flush(&mut patience)
    }

    /// Nobody reads any more, and nobody will.
    #[cfg(feature = "buffered")]
    pub(crate) fn give_up(&self) {
        self.greeting.gone();
    }

    /// This process is about to become another program.
    pub(crate) fn leave(&self) {
        self.close(self.settings.exit_timeout);
        self.greeting.forget();
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.greeting.is_gone()
    }

    pub(crate) fn counts(&self) -> Closed {
        Closed {
            sent: self.ledger.sent() + self.transport.records(),
            dropped: self.ledger.dropped(),
        }
    }

    /// Says hello, unless it was said or there is no room for it now; then the first record does it.
    pub(crate) fn greet(&self) {
        self.open(&mut self.patience(Level::Trace));
        if let Some(filter) = &self.settings.unreadable_filter {
            let text = format!(
                "cannot read the filter {filter:?} of {}, using info",
                env::FILTER
            );
            self.log_built(LogRecord::new(Level::Warn, "pipe_handler", text));
        }
    }

    pub(crate) fn log(&self, record: &log::Record<'_>) {
        if self.is_gone() {
            return;
        }
        let mut patience = self.patience(record.level());
        let _nesting = match Nesting::enter() {
            Ok(nesting) if self.open(&mut patience) => nesting,
            Err(Refused::Quiet) => return,
            Ok(_) | Err(Refused::TooDeep) => return self.drop_record(record.level()),
        };
        let mut buffers = Buffers::take();
        self.deliver(record, &mut buffers, &mut patience);
        buffers.put_back();
    }

    /// Logs something that is no `log::Record`: a panic.
    pub(crate) fn log_built(&self, record: LogRecord<'_>) {
        let mut patience = self.patience(record.level);
        // What carries records away must not wait for itself, not even when it panics.
        if self.is_gone() || Nesting::is_quiet() {
            return;
        }
        if !self.open(&mut patience) {
            return self.drop_record(record.level);
        }
        let mut buffers = Buffers::take();
        let Buffers { frames, thread, .. } = &mut *buffers;
        let mut record = record;
        self.complete(&mut record, thread);
        self.write_record(&mut record, frames, thread.stream, &mut patience);
        buffers.put_back();
    }

    /// Sends what is still to be said: drops, then how many records there were in all.
    ///
    /// `None` where the pipe had no room within the timeout or nobody reads, and in a process that never logged.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Closed> {
        self.close_with(timeout, false)
    }

    /// The same where the process exits: its other threads may log on until the very end, and no drain carries away
    /// what they leave then.
    pub(crate) fn close_at_exit(&self) -> Option<Closed> {
        self.close_with(self.settings.exit_timeout, true)
    }

    fn close_with(&self, timeout: Duration, is_last: bool) -> Option<Closed> {
        let mut patience = Patience::new(Overflow::BlockFor(timeout));
        // A process that never logged is none to this pipe. One whose records were all dropped, hello included, is, and
        // so is one of which a thread is saying hello.
        let is_begun =
            self.greeting.is_busy() || (self.greeting.is_due() && self.ledger.dropped() > 0);
        let is_heard = self.greeting.is_open() || (is_begun && self.open(&mut patience));
        if is_heard && !self.transport.flush(&mut patience) {
            return None;
        }
        // Also where nothing was logged so far: another thread may begin now.
        let is_stopped = !is_last || self.transport.stop(&mut patience);
        if !is_heard || !is_stopped {
            return None;
        }
        let closed = self.say_close(&mut patience)?;
        self.transport.flush(&mut patience).then_some(closed)
    }

    /// The last handler is gone.
    pub(crate) fn shut(&self) {
        if self.pipe().is_some() {
            self.close(self.settings.exit_timeout);
        } else if self.greeting.is_open() {
            // The drain may be a task of this very thread: it is not waited for.
            self.say_close(&mut Patience::new(Overflow::DropNewest));
        }
        self.transport.close();
    }

    fn say_close(&self, patience: &mut Patience) -> Option<Closed> {
        let counts = self.counts();
        // Poisoned, or held by a thread that a fork left behind: say it once more rather than never.
        let mut closed = self.closed.try_lock().ok();
        if closed.as_deref() == Some(&Some((pid(), counts))) {
            return Some(counts);
        }
        let due = self.ledger.take_due();
        let mut frames = Vec::new();
        self.encode_report(due, &mut frames);
        let mut close = Close::new();
        close.pid = Some(pid());
        close.time = Some(now());
        close.sent = counts.sent;
        close.dropped = counts.dropped;
        close.encode_frame(&mut frames);
        if self.write(&frames, patience) != Written::Whole {
            due.inspect(|&counts| self.ledger.give_back(counts));
            return None;
        }
        if let Some(closed) = closed.as_deref_mut() {
            *closed = Some((pid(), counts));
        }
        Some(counts)
    }

    fn patience(&self, level: Level) -> Patience {
        let exempt = self.settings.exempt.is_some_and(|least| level <= least);
        Patience::new(match exempt {
            true => Overflow::Block,
            false => self.settings.overflow,
        })
    }

    /// Whether this process may write records: its hello is in the pipe.
    #[inline]
    fn open(&self, patience: &mut Patience) -> bool {
        self.greeting.is_open() || self.begin(patience)
    }

    #[cold]
    fn begin(&self, patience: &mut Patience) -> bool {
        loop {
            match self.greeting.begin() {
                Phase::Open => return true,
                Phase::Gone => return false,
                Phase::Due { forked } => return self.say_hello(forked, patience),
                Phase::Resetting => thread::yield_now(),
                // Not for long, unless the pipe is full.
                Phase::Busy if patience.left().is_some() => thread::sleep(BUSY_PAUSE),
                Phase::Busy => return false,
            }
        }
    }

    fn say_hello(&self, forked: bool, patience: &mut Patience) -> bool {
        if forked {
            self.ledger.reset();
            self.greeting.reset();
            if let Ok(mut closed) = self.closed.try_lock() {
                *closed = None;
            }
        }
        let mut hello = Hello::new();
        hello.pid = Some(pid());
        hello.process = self.settings.process.as_deref().map(Cow::Borrowed);
        hello.time = Some(now());
        hello.context = self.settings.context.borrowed();
        let mut frame = Vec::new();
        hello.encode_frame(&mut frame);
        if frame.len() > PIPE_BUF {
            // Here the context only informs; every record has it.
            hello.context = KeyValues::new();
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        if frame.len() > PIPE_BUF {
            hello.process = None;
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        let written = self.transport.greet(&frame, patience);
        match written {
            Written::Whole => self.greeting.said(),
            Written::Full => self.greeting.put_off(),
            Written::Gone => self.greeting.gone(),
        }
        written == Written::Whole
    }

    fn deliver(&self, record: &log::Record<'_>, buffers: &mut Buffers, patience: &mut Patience) {
        let Buffers {
            scratch,
            frames,
            thread,
        } = buffers;
        scratch.set_limits(self.settings.message_limit, self.settings.record_limit);
        let mut record = scratch.capture(record);
        self.complete(&mut record, thread);
        self.write_record(&mut record, frames, thread.stream, patience);
    }

    /// Adds what the handler knows. The number comes last, when nothing can come between it and the write but the end
    /// of the process.
    fn complete<'r>(&'r self, record: &mut LogRecord<'r>, thread: &'r Thread) {
        record.pid = Some(pid());
        record.process = self.settings.process.as_deref().map(Cow::Borrowed);
        record.thread_id = Some(thread.id);
        record.thread = thread.name.as_deref().map(Cow::Borrowed);
        record.context = self.settings.context.borrowed();
        record.cut_names();
        record.seq = self.ledger.next_seq();
    }

    fn write_record(
        &self,
        record: &mut LogRecord<'_>,
        frames: &mut Frames,
        stream: u64,
        patience: &mut Patience,
    ) {
        let due = self.ledger.take_due();
        frames.all.clear();
        self.encode_report(due, &mut frames.all);
        frames.start = frames.all.len();
        record.encode_frame(&mut frames.all);
        if frames.payload().len() > self.settings.record_limit {
            record.fit(self.settings.record_limit);
            frames.all.truncate(frames.start);
            record.encode_frame(&mut frames.all);
        }
        let mut reported = false;
        let sent = self.write_frames(frames, record.time, stream, patience, &mut reported);
        if let Some(counts) = due.filter(|_| !reported) {
            self.ledger.give_back(counts);
        }
        match sent {
            #[cfg(feature = "buffered")]
            Sent::Staged => {}
            Sent::Written(Written::Whole) if self.transport.count() => {}
            Sent::Written(Written::Whole) => {
                self.ledger.count_sent(record.thread_id.unwrap_or(0));
            }
            Sent::Written(Written::Full) => self.ledger.count_dropped(record.level),
            Sent::Written(Written::Gone) => {}
        }
    }

    /// Writes the report and the record in one piece where they fit into one, else one after the other.
    fn write_frames(
        &self,
        frames: &mut Frames,
        time: u64,
        stream: u64,
        patience: &mut Patience,
        reported: &mut bool,
    ) -> Sent {
        if frames.all.len() <= PIPE_BUF {
            let sent = self.transport.write_record(&frames.all, time, patience);
            if let Sent::Written(written) = sent {
                *reported = self.heed(written) == Written::Whole;
            } else {
                *reported = true;
            }
            return sent;
        }
        Sent::Written(self.write_in_pieces(frames, stream, patience, reported))
    }

    fn write_in_pieces(
        &self,
        frames: &mut Frames,
        stream: u64,
        patience: &mut Patience,
        reported: &mut bool,
    ) -> Written {
        if frames.start > 0 {
            let written = self.write(&frames.all[..frames.start], patience);
            if written != Written::Whole {
                return written;
            }
        }
        *reported = true;
        if frames.all.len() - frames.start <= PIPE_BUF {
            return self.write(&frames.all[frames.start..], patience);
        }
        let mut fragment = std::mem::take(&mut frames.fragment);
        let mut written = Written::Whole;
        for piece in cut(frames.payload(), Some(pid()), stream, PIPE_BUF) {
            fragment.clear();
            piece.encode_frame(&mut fragment);
            written = self.write(&fragment, patience);
            if written != Written::Whole {
                break;
            }
        }
        frames.fragment = fragment;
        written
    }

    fn write(&self, bytes: &[u8], patience: &mut Patience) -> Written {
        self.heed(self.transport.write(bytes, patience))
    }

    fn heed(&self, written: Written) -> Written {
        if written == Written::Gone {
            self.greeting.gone();
        }
        written
    }

    #[inline]
    fn encode_report(&self, due: Option<Levels>, out: &mut Vec<u8>) {
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
        dropped.encode_frame(out);
    }

    fn drop_record(&self, level: Level) {
        self.ledger.next_seq();
        self.ledger.count_dropped(level);
    }
}

fn pid() -> u64 {
    u64::from(process::id())
}
