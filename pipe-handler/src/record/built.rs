//! Writes records that the handler itself makes: of a panic, and of a filter that cannot be read.

use std::borrow::Cow;

use record_proto::{Encode, HEAD_LENGTH, LogRecord};

use super::counters::Number;
use super::fragments::Late;
use super::thread::Buffers;
use super::writer::{RecordWriter, pid};
use crate::transport::Written;

impl RecordWriter {
    /// Writes a record that was not made from a `log::Record`, for example that of a panic.
    pub(crate) fn log_built(&self, record: LogRecord<'_>) {
        let level = record.level;
        let mut deadline = self.deadline(level);
        if self.discards() {
            return;
        }
        if !self.open(&mut deadline) {
            return self.drop_record(level);
        }
        let mut buffers = Buffers::take();
        let mut record = record;
        let Buffers {
            thread, scratch, ..
        } = &mut *buffers;
        thread.follow_fork();
        record.process = self.settings.process.as_deref().map(Cow::Borrowed);
        record.thread_id = thread.id;
        record.thread = thread.name.as_deref().map(Cow::Borrowed);
        record.context = self.settings.context.borrowed();
        record.truncate_names();
        // It has a number already if it follows a batch.
        let mut number = Number::new(&self.counters, Some(record.seq).filter(|&seq| seq != 0));
        record.seq = u64::MAX;
        let mut frame = Vec::new();
        let written = loop {
            let instance = Some(self.session.instance());
            (record.pid, record.instance) = (Some(pid()), instance);
            frame.clear();
            if frame.try_reserve(record.longest_frame()).is_err() {
                break Written::Full;
            }
            record.encode_frame(&mut frame);
            let mut late = Late {
                number: &mut number,
                time: record.time,
                stream: thread.stream,
                scratch,
            };
            match self.put_payload(&frame[HEAD_LENGTH..], usize::MAX, &mut late, &mut deadline) {
                Written::SessionOver if self.begin_anew(instance, &mut number, &mut deadline) => {}
                written => break written,
            }
        };
        self.count(written, level, &mut number);
        buffers.put_back();
    }
}
