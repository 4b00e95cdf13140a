//! Writes records that the handler itself makes: of a panic, and of a filter that cannot be read.

use std::borrow::Cow;

use record_proto::{Encode, HEAD_LENGTH, LogRecord};

use super::counters::Number;
use super::thread::Buffers;
use super::writer::{RecordWriter, pid};
use crate::transport::Written;

impl RecordWriter {
    /// Writes a record that was not made from a `log::Record`, for example that of a panic.
    pub(crate) fn log_built<'r>(&'r self, mut record: LogRecord<'r>) {
        let level = record.level;
        let mut deadline = self.deadline(level);
        if self.discards() {
            return;
        }
        if !self.open(&mut deadline) {
            return self.drop_record(level);
        }
        let mut buffers = Buffers::take(deadline);
        let commit = &mut buffers.commit;
        commit.thread.follow_fork();
        let name = commit.thread.name.as_deref();
        record.process = self.settings.process.as_deref().map(Cow::Borrowed);
        record.thread_id = commit.thread.id;
        record.thread = name.map(|name| Cow::Owned(name.to_owned()));
        record.context = self.settings.context.borrowed();
        record.truncate_names();
        // It has a number already if it follows a batch.
        commit.number = Number::taken(record.seq);
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
            let written = self.put_wide(&frame[HEAD_LENGTH..], usize::MAX, commit);
            if written != Written::SessionOver || !self.begin_anew(instance, commit) {
                break written;
            }
        };
        self.count(written, level, &mut commit.number);
        buffers.put_back();
    }
}
