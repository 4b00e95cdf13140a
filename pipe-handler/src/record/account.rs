//! The account that the parent gets: counts dropped records, reports them, and closes the session with all counts.

use std::time::Duration;

use log::Level;
use record_proto::{Close, Dropped, Encode, now};

use super::counters::Counts;
use super::session::Phase;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, Overflow, Written};

impl RecordWriter {
    /// Writes a report of drops, if there are unreported ones, and then the close frame with the counts.
    ///
    /// `None` if there was no room within the timeout, if the parent is gone, and in a forked process that has not
    /// logged.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Counts> {
        self.close_by(&mut Deadline::new(Overflow::BlockFor(timeout)))
    }

    /// Closes when the process exits.
    ///
    /// The rings of a shared buffer are given back, also if nothing was logged so far: other threads may log until the
    /// very end, and write to the pipe from then on.
    pub(crate) fn close_at_exit(&self) -> Option<Counts> {
        let mut deadline = self.exit_deadline();
        #[cfg(feature = "scope")]
        self.end_groups(&mut deadline);
        let may_close = self.may_close(&mut deadline);
        // Into a ring without waiting: once the rings are given back, the pipe has room for a second attempt. It is not
        // needed if nothing was logged in between.
        let shared = self.transport.shared.as_ref();
        if may_close && shared.is_some_and(|shared| shared.has_rings()) {
            let _attempt = self.send_close(&mut Deadline::no_wait());
        }
        self.transport.give_rings_back(&mut deadline);
        may_close.then(|| self.send_close(&mut deadline)).flatten()
    }

    /// Closes before another program replaces this one in this process. If that fails, the next record begins a new
    /// session.
    pub(crate) fn close_before_exec(&self) {
        self.close_at_exit();
        self.session.set(Phase::New);
    }

    /// Closes when the handler is dropped.
    pub(crate) fn close_on_drop(&self) {
        let mut deadline = match self.transport.pipe {
            Some(_) => self.exit_deadline(),
            // The drain may be a task of this thread, so this does not wait for it.
            None => Deadline::no_wait(),
        };
        #[cfg(feature = "scope")]
        self.send_kept_groups(&mut deadline);
        self.close_by(&mut deadline);
        self.transport.close();
    }

    pub(super) fn exit_deadline(&self) -> Deadline {
        Deadline::new(Overflow::BlockFor(self.settings.exit_timeout))
    }

    fn close_by(&self, deadline: &mut Deadline) -> Option<Counts> {
        if !self.may_close(deadline) {
            return None;
        }
        let closed = self.send_close(deadline)?;
        #[cfg(feature = "drain")]
        if !self.transport.flush(deadline) {
            return None;
        }
        Some(closed)
    }

    /// Whether the process may write its close frame.
    ///
    /// A process whose hello was not written does not appear on the pipe, for example a fork that has not logged. It does
    /// if a thread is writing the hello, or if all of its records were dropped because not even the hello found room.
    fn may_close(&self, deadline: &mut Deadline) -> bool {
        match self.session.phase() {
            Phase::New | Phase::Gone => false,
            Phase::Due if self.counts().dropped == 0 => false,
            _ => self.open(deadline),
        }
    }

    fn send_close(&self, deadline: &mut Deadline) -> Option<Counts> {
        let instance = self.session.instance();
        let dropped = self.counters.dropped();
        let counts = self.counts();
        // The lock may be poisoned, or held for ever by a thread that a fork did not copy. Then the frame is written
        // without it: a duplicate close is harmless, a missing one is reported as a crash.
        let mut closed = self.closed.try_lock().ok();
        if closed.as_deref() == Some(&Some((instance, counts))) {
            return Some(counts);
        }
        let mut close = Close::new();
        close.pid = Some(pid());
        close.time = Some(now());
        close.sent = counts.sent;
        close.dropped = counts.dropped;
        #[cfg(feature = "scope")]
        {
            close.held_back = counts.held_back;
        }
        close.instance = Some(instance);
        // All drops, also those that were reported: another thread may have taken some to report them, and the process
        // may end before it has.
        close.dropped_by_level = (counts.dropped > 0).then_some(dropped);
        let mut frame = Vec::new();
        close.encode_frame(&mut frame);
        if self.put_dyn(&mut frame.as_slice(), deadline) != Written::Whole {
            return None;
        }
        if let Some(closed) = closed.as_deref_mut() {
            *closed = Some((instance, counts));
        }
        Some(counts)
    }

    /// Counts a record that is dropped before it gets a sequence number.
    pub(super) fn drop_record(&self, level: Level) {
        self.count_dropped(level);
        // Dropped records have numbers too: to the parent, a gap in the numbers is a loss.
        self.counters.take_numbers(1, 0);
    }

    /// Counts a record that will not be sent. Its number is taken before or afterwards.
    pub(super) fn count_dropped(&self, level: Level) {
        let shared = self.transport.shared.as_ref();
        let is_reported = shared.is_some_and(|shared| shared.note_dropped(level as usize));
        self.counters.count_dropped(level, is_reported);
    }

    /// Reports the drops that the parent cannot see in a ring's head.
    #[cold]
    pub(super) fn report_drops(&self, deadline: &mut Deadline) -> Written {
        let Some(counts) = self.counters.take_unreported() else {
            return Written::Whole;
        };
        let mut dropped = Dropped::new();
        dropped.pid = Some(pid());
        dropped.time = Some(now());
        dropped.counts = counts;
        dropped.instance = Some(self.session.instance());
        let mut frame = Vec::new();
        dropped.encode_frame(&mut frame);
        let written = self.write(&frame, deadline);
        if written != Written::Whole {
            self.counters.restore_unreported(counts);
        }
        written
    }

    /// Writes a frame that is not part of a record.
    #[cold]
    pub(super) fn write(&self, mut frame: &[u8], deadline: &mut Deadline) -> Written {
        self.transport.put(&mut frame, deadline)
    }
}
