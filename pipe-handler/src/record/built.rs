//! Writes records that the handler itself makes: of a panic, and of a filter that cannot be read.

use std::borrow::Cow;

use record_proto::{Encode, LogRecord};

use super::late_frames::Late;
use super::number::Number;
use super::thread::{Buffers, Thread};
use super::writer::{RecordWriter, pid};
use crate::sys::NestingGuard;
use crate::transport::{Deadline, Written};

impl RecordWriter {
    /// Writes a record that was not made from a `log::Record`, for example that of a panic.
    pub(crate) fn log_built(&self, record: LogRecord<'_>) {
        let mut deadline = self.deadline(record.level);
        // A drain that logs must not wait for itself, not even if it panics.
        if self.is_gone() || NestingGuard::is_suppressed() {
            return;
        }
        if !self.open(&mut deadline) {
            return self.drop_record(record.level);
        }
        let mut buffers = Buffers::take();
        let mut record = record;
        buffers.thread.follow_fork();
        let Buffers {
            thread,
            scratch,
            counter,
            ..
        } = &mut *buffers;
        let level = record.level;
        self.stamp(&mut record, thread);
        // It has a number already if it follows a batch.
        let mut number = Number::new(&self.counters, Some(record.seq).filter(|&seq| seq != 0));
        let written = self.put_built(
            &mut record,
            &mut number,
            thread.stream,
            scratch,
            &mut deadline,
        );
        self.count(written, level, &mut number, counter);
        buffers.put_back();
    }

    /// Encodes and writes a record that was built.
    fn put_built(
        &self,
        record: &mut LogRecord<'_>,
        number: &mut Number<'_>,
        stream: u64,
        scratch: &mut Vec<u8>,
        deadline: &mut Deadline,
    ) -> Written {
        let mut frame = Vec::new();
        if frame.try_reserve(record.longest_frame()).is_err() {
            return Written::Full;
        }
        loop {
            record.seq = u64::MAX;
            frame.clear();
            record.encode_frame(&mut frame);
            let mut late = Late {
                number,
                time: record.time,
                stream,
            };
            if let Ok(written) = self.put_wide(&mut frame, &mut late, scratch, deadline) {
                return written;
            }
            if !self.begin_anew(record.instance, number, deadline) {
                return Written::Full;
            }
            (record.pid, record.instance) = (Some(pid()), Some(self.session.instance()));
        }
    }

    /// Adds the identity of process and thread, and the context, to a record that was built.
    fn stamp<'r>(&'r self, record: &mut LogRecord<'r>, thread: &'r Thread) {
        record.pid = Some(thread.pid.into());
        record.instance = Some(self.session.instance());
        record.process = self.settings.process.as_deref().map(Cow::Borrowed);
        record.thread_id = thread.id;
        record.thread = thread.name.as_deref().map(Cow::Borrowed);
        record.context = self.settings.context.borrowed();
        record.truncate_names();
    }
}
