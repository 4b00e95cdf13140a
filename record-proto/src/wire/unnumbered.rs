//! Encoded records that have no number yet: they are kept, and sent later as part of a batch or not at all.

use super::encode::{HEAD_LENGTH, put_head};
use super::encode_record::batch as write_batch;
use super::payload;
use crate::msgpack::write;
use crate::record::BatchInfo;

/// The kind, the head of the array of all fields before the batch, and the sequence number 0.
const UNNUMBERED: [u8; 5] = [payload::RECORD, 0xdc, 0, 18, 0];

/// Returns the encoded fields after the sequence number, from the time to the instance, of the frame of a record with
/// the number 0.
///
/// Returns `None` for other frames, and for a record that has no instance or is part of a batch already.
#[inline]
pub fn unnumbered_fields(frame: &[u8]) -> Option<&[u8]> {
    frame.get(HEAD_LENGTH..)?.strip_prefix(&UNNUMBERED)
}

/// Appends the frame of a record with these [fields](unnumbered_fields), this number and this batch.
pub fn put_batched_record(fields: &[u8], seq: u64, batch: BatchInfo, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_LENGTH]);
    out.extend_from_slice(&[payload::RECORD, 0xdc, 0, 19]);
    write::uint(out, seq);
    out.extend_from_slice(fields);
    write_batch(out, &batch);
    put_head(out, start);
}

/// Sets the sequence number in the frame of a record that was encoded with the number `u64::MAX`, which has a format of
/// a fixed width. Does nothing to other frames.
pub fn set_seq(frame: &mut [u8], seq: u64) {
    let number = frame.get_mut(HEAD_LENGTH + UNNUMBERED.len() - 1..);
    let Some([0xcf, number @ ..]) = number else {
        return;
    };
    if let Some(number) = number.first_chunk_mut() {
        *number = seq.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use log::Level;

    use super::*;
    use crate::record::{BatchReason, LogRecord};
    use crate::wire::{Encode, Payload};

    fn record() -> LogRecord<'static> {
        let mut record = LogRecord::new(Level::Debug, "worker", "reading");
        record.pid = Some(7);
        record.instance = Some(0xfeed_beef);
        record.key_values.push("block", 4);
        record.thread = Some(Cow::Borrowed("main"));
        record
    }

    #[test]
    fn a_record_gets_its_number_and_batch_later() {
        for later in [1, 300, 1 << 40] {
            let mut record = record();
            let mut frame = Vec::new();
            record.encode_frame(&mut frame);
            let fields = unnumbered_fields(&frame).unwrap();
            let mut sent = vec![9];
            let batch = BatchInfo::new(BatchReason::Escalation, 3, 1000);
            put_batched_record(fields, later, batch, &mut sent);
            (record.seq, record.batch) = (later, Some(batch));
            let mut expected = vec![9];
            record.encode_frame(&mut expected);
            assert_eq!(sent, expected);
            let decoded = Payload::decode(&sent[1 + HEAD_LENGTH..]);
            assert_eq!(decoded, Ok(Payload::Record(record)));
        }
    }

    #[test]
    fn a_record_with_a_wide_number_gets_another_one() {
        let mut record = record();
        record.seq = u64::MAX;
        let mut frame = Vec::new();
        record.encode_frame(&mut frame);
        set_seq(&mut frame, 300);
        record.seq = 300;
        let decoded = Payload::decode(&frame[HEAD_LENGTH..]);
        assert_eq!(decoded, Ok(Payload::Record(record)));
        let mut short = [0, 0, 0, 1, 1];
        set_seq(&mut short, 5);
        assert_eq!(short, [0, 0, 0, 1, 1]);
    }

    #[test]
    fn other_frames_have_no_such_fields() {
        let mut frame = Vec::new();
        LogRecord::new(Level::Info, "a", "b").encode_frame(&mut frame);
        assert_eq!(unnumbered_fields(&frame), None);
        let mut numbered = record();
        numbered.seq = 1;
        frame.clear();
        numbered.encode_frame(&mut frame);
        assert_eq!(unnumbered_fields(&frame), None);
        assert_eq!(unnumbered_fields(&[0, 0, 0, 1, 1]), None);
        assert_eq!(unnumbered_fields(&[]), None);
    }
}
