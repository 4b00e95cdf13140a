//! Taking inputs for a reader of whole frames: the same order, limits and counts as for a reader of records.

use std::time::Instant;

#[cfg(feature = "capture")]
use record_proto::LogRecord;
use tokio::io::AsyncRead;

use super::RecordReader;
use crate::account::WholeFrame;

impl<R: AsyncRead + Unpin> RecordReader<R> {
    /// Takes an input that has been read, if there is one. Returns its frame, unless it is a fragment that completes no
    /// record, a bell, malformed, or suppressed by the rate limit.
    pub(crate) fn take_frame(&mut self) -> Option<WholeFrame> {
        if let Some(limit) = &mut self.limit
            && let Some(report) = limit.take_report(Instant::now())
        {
            return Some(WholeFrame::of_record(&report));
        }
        #[cfg(feature = "capture")]
        if let Some(record) = self.next_captured() {
            return self.take_captured_frame(&record);
        }
        let frame = self.frames.next_frame()?;
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture {
            capture.note_payload(frame.payload().len());
        }
        let frame = self.receiver.receive_frame(frame)?;
        let is_admitted = match (&mut self.limit, frame.kind.level()) {
            (Some(limit), Some(level)) => limit.admits(level, Instant::now()),
            _ => true,
        };
        is_admitted.then_some(frame)
    }

    /// Takes the close frame of the captured lines, once, if they have ended.
    pub(crate) fn take_last_frame(&mut self) -> Option<WholeFrame> {
        #[cfg(feature = "capture")]
        if let Some(capture) = &mut self.capture
            && let Some(close) = capture.take_close()
        {
            self.receiver.store(&close);
            return Some(WholeFrame::of_close(&close));
        }
        None
    }

    #[cfg(feature = "capture")]
    fn take_captured_frame(&mut self, record: &LogRecord<'_>) -> Option<WholeFrame> {
        let mut frame = None;
        self.take_captured(record, Instant::now(), &mut |_| {
            frame = Some(WholeFrame::of_record(record));
        });
        frame
    }
}
