//! Receiving payloads for a reader that takes whole frames: the same checks and counts, and the frame instead of a record.

use record_proto::{Fragment, Frame, LogRecord, Payload};

use super::Receiver;
use crate::account::whole_frame::{FrameKind, WholeFrame, parts, record_parts};

impl Receiver {
    /// Receives a payload. Returns it as a whole frame, or the frame that it completes as the last missing fragment.
    /// Returns `None` for any other fragment, for a bell and for a payload that cannot be decoded.
    #[inline]
    pub(crate) fn receive_frame(&mut self, frame: Frame) -> Option<WholeFrame> {
        self.has_received = true;
        let payload = frame.payload();
        let Some(mut record) = self.decoder.decode(payload) else {
            return self.receive_unusual_frame(frame);
        };
        self.tee.write_frame(payload, &mut self.reasons);
        self.accounts.record(&mut record);
        let (level, seq) = (record.level, record.seq);
        let process = (record.origin.pid, record.instance);
        let kind = FrameKind::Record { level, seq };
        Some(WholeFrame::new(frame, kind, process))
    }

    #[inline(never)]
    fn receive_unusual_frame(&mut self, frame: Frame) -> Option<WholeFrame> {
        let decoded = self.decode_unusual(frame.payload())?;
        let parts = match &decoded {
            Ok(Payload::Fragment(fragment)) => return self.join_frame(fragment),
            Ok(payload) => Some(parts(payload, frame.payload()[0])),
            Err(_) => None,
        };
        match decoded {
            Ok(Payload::Record(record)) => self.pass_on(&record, &mut |_| {}),
            other => self.receive_other(other),
        }
        let (kind, process) = parts?;
        Some(WholeFrame::new(frame, kind, process))
    }

    /// Adds a fragment. Returns the frame that it completes, if that is a record.
    fn join_frame(&mut self, fragment: &Fragment<'_>) -> Option<WholeFrame> {
        let payload = self.join(fragment)?;
        let (kind, process) = match LogRecord::decode_with_limit(&payload, self.value_limit) {
            Ok(record) => {
                self.pass_on(&record, &mut |_| {});
                record_parts(&record)
            }
            Err(error) => {
                self.reject(error);
                return None;
            }
        };
        Some(WholeFrame::new(Frame::new(payload), kind, process))
    }
}
