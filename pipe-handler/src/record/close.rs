//! Flushes, and writes the close frame: the end of a session, with its counts.

use std::time::Duration;

use record_proto::{Close, Encode, now};

use super::counters::Counts;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, Overflow, Written};

impl RecordWriter {
    /// Writes a report of drops, if there are unreported ones, and then the close frame with the counts.
    ///
    /// `None` if there was no room within the timeout, if the parent is gone, and in a forked process that has not
    /// logged.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Counts> {
        self.close_with(timeout, false)
    }

    /// Closes when the process exits.
    ///
    /// The rings of a shared buffer are given back, also if nothing was logged so far: other threads may log until the
    /// very end, and write to the pipe from then on.
    pub(crate) fn close_at_exit(&self) -> Option<Counts> {
        self.close_with(self.settings.exit_timeout, true)
    }

    fn close_with(&self, timeout: Duration, at_exit: bool) -> Option<Counts> {
        let mut deadline = Deadline::new(Overflow::BlockFor(timeout));
        #[cfg(feature = "scope")]
        if at_exit {
            self.end_groups(&mut deadline);
        }
        // A process whose hello was not written does not appear on the pipe, for example a fork that has not logged. It
        // does if a thread is writing the hello, or if all of its records were dropped because not even the hello found
        // room.
        let needs_hello =
            self.session.is_opening() || (self.session.is_due() && self.counts().dropped > 0);
        let is_open = self.session.is_open() || (needs_hello && self.open(&mut deadline));
        if at_exit {
            // Into a ring without waiting: once the rings are given back, the pipe has room for a second attempt. It is
            // not needed if nothing was logged in between.
            if is_open && self.transport.has_rings() {
                let _attempt = self.send_close(&mut Deadline::no_wait());
            }
            self.transport.give_rings_back(&mut deadline);
        }
        if !is_open {
            return None;
        }
        let closed = self.send_close(&mut deadline)?;
        self.transport.flush(&mut deadline).then_some(closed)
    }

    /// Closes when the handler is dropped.
    pub(crate) fn close_on_drop(&self) {
        let timeout = self.settings.exit_timeout;
        #[cfg(feature = "scope")]
        self.send_kept_groups(&mut Deadline::new(match self.pipe() {
            Some(_) => Overflow::BlockFor(timeout),
            None => Overflow::DropNewest,
        }));
        if self.pipe().is_some() {
            self.close(timeout);
        } else if self.session.is_open() {
            // The drain may be a task of this thread, so this does not wait for it.
            self.send_close(&mut Deadline::new(Overflow::DropNewest));
        }
        self.transport.close();
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
        let unreported = self.counters.take_unreported();
        let mut frames = Vec::new();
        self.encode_report(unreported, &mut frames);
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
        close.encode_frame(&mut frames);
        if self.write(&frames, deadline) != Written::Whole {
            unreported.inspect(|&counts| self.counters.restore_unreported(counts));
            return None;
        }
        if let Some(closed) = closed.as_deref_mut() {
            *closed = Some((instance, counts));
        }
        Some(counts)
    }
}
