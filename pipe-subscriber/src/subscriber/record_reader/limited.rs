//! Taking inputs under a rate limit: the same order and counts, and each record is handed on only if it is admitted.

use std::time::Instant;

#[cfg(feature = "capture")]
use record_proto::LogRecord;
use record_proto::RecordView;
use tokio::io::AsyncRead;

use super::RecordReader;

impl<R: AsyncRead + Unpin> RecordReader<R> {
    /// Takes an input, and hands its record on if the rate limit admits it.
    #[inline(never)]
    pub(super) fn take_limited(
        &mut self,
        on_record: &mut impl FnMut(&RecordView<'_>),
    ) -> Option<usize> {
        let limit = self.limit.as_mut()?;
        let now = Instant::now();
        if let Some(report) = limit.take_report(now) {
            report.with_view(|report| on_record(&report));
            return Some(0);
        }
        #[cfg(feature = "capture")]
        if let Some(record) = self.next_captured() {
            return Some(self.take_captured(&record, now, on_record));
        }
        let (limit, payload) = (self.limit.as_mut()?, self.frames.next_payload()?);
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture {
            capture.note_payload(payload.len());
        }
        let on_record = |record: &RecordView<'_>| {
            if limit.admits(record.level, now) {
                on_record(record);
            }
        };
        Some(self.receiver.receive(payload, on_record))
    }

    /// Hands a captured record on if the rate limit admits it.
    #[cfg(feature = "capture")]
    pub(super) fn take_captured(
        &mut self,
        record: &LogRecord<'_>,
        now: Instant,
        on_record: &mut impl FnMut(&RecordView<'_>),
    ) -> usize {
        let limit = self.limit.as_mut();
        let is_admitted = limit.is_none_or(|limit| limit.admits(record.level, now));
        if !is_admitted && let Some(capture) = &mut self.capture {
            capture.note_suppressed(record);
        }
        self.receiver.receive_captured(record, |record| {
            if is_admitted {
                on_record(record);
            }
        })
    }
}
