//! `Child`: one child while its messages are read.

use bytes::{Bytes, BytesMut};
use nats_relay::MAX_FRAME_LENGTH;
use record_proto::{Frame, Payload, RecordCodec};
use tokio_util::codec::Decoder;

use super::{account::Account, ordinals::Ordinals, reorder::Reorder};

/// A child: its stored account, and its frames on their way through the collector.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) account: Account,
    pub(crate) order: Reorder<Batch>,
    /// The highest key of its frames: those of one child stay in their order.
    key: u64,
    /// When its last message came, in the time of the stream.
    pub(crate) last_sign: u64,
    /// Whether its end is on its way through the window.
    pub(crate) is_ending: bool,
}

/// A batch on its way.
#[derive(Debug, PartialEq)]
pub(crate) struct Batch {
    /// The stream sequence of its message.
    pub(crate) sequence: u64,
    /// When the server stored it, in nanoseconds since 1970.
    pub(crate) stored: u64,
    pub(crate) redelivered: bool,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) body: Bytes,
}

/// A frame of a batch.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) ordinal: u64,
    /// The place among the frames of all children.
    pub(crate) key: u64,
    /// Whether later frames of the child have gone on before it.
    pub(crate) fills_hole: bool,
}

impl Child {
    pub(crate) fn new(account: Account, now: u64) -> Self {
        let taken: Ordinals = account.dispatched.clone();
        Self {
            account,
            order: Reorder::new(taken),
            key: 0,
            last_sign: now,
            is_ending: false,
        }
    }

    /// Calls `each` with the frames of a batch that have not come before. Returns how many of the batch's frames that were
    /// not, because they came before or are missing in the body.
    pub(crate) fn take(&mut self, batch: &Batch, mut each: impl FnMut(Part)) -> u64 {
        let mut body = BytesMut::from(batch.body.clone());
        let mut codec = RecordCodec::new().with_max_frame_length(MAX_FRAME_LENGTH);
        let mut others = 0;
        for ordinal in batch.first..=batch.last {
            let Ok(Some(frame)) = codec.decode(&mut body) else {
                return others + self.without_rest(ordinal, batch.last);
            };
            let fills_hole = ordinal < self.order.taken().next();
            if !self.order.take(ordinal) {
                others += 1;
                continue;
            }
            let key = self.key_of(&frame, batch.stored, fills_hole);
            each(Part {
                frame,
                ordinal,
                key,
                fills_hole,
            });
        }
        if !body.is_empty() {
            self.account.malformed(1);
        }
        others
    }

    /// Returns whether it has not ended, and its end is not on its way.
    pub(crate) fn is_open(&self) -> bool {
        self.account.end.is_none() && !self.is_ending
    }

    /// Returns the key of an event of the child that comes after its frames.
    pub(crate) fn last_key(&self) -> u64 {
        self.key
    }

    /// Returns the time of the frame, but no earlier one than the frame before it has, and none after the server had the
    /// batch: a host whose clock is ahead does not make the others late.
    fn key_of(&mut self, frame: &Frame, stored: u64, fills_hole: bool) -> u64 {
        let time = match frame.decode() {
            Ok(Payload::Record(record)) => Some(record.time),
            Ok(Payload::Hello(hello)) => hello.time,
            Ok(Payload::Close(close)) => close.time,
            Ok(Payload::Dropped(dropped)) => dropped.time,
            _ => None,
        };
        let time = time.unwrap_or(0).min(stored);
        if !fills_hole {
            self.key = self.key.max(time);
            return self.key;
        }
        time
    }

    /// The body ends before this ordinal, or cannot be read on. Nothing more of this batch will come.
    fn without_rest(&mut self, from: u64, last: u64) -> u64 {
        let missing = (from..=last)
            .filter(|&ordinal| self.order.take(ordinal))
            .count() as u64;
        self.account.malformed(missing);
        last - from + 1
    }
}

#[cfg(test)]
mod tests {
    use record_proto::{Encode, LogRecord};

    use super::*;

    fn batch(first: u64, times: &[u64]) -> Batch {
        let mut body = Vec::new();
        for &time in times {
            let mut record = LogRecord::new(log::Level::Info, "t", "m");
            record.time = time;
            record.encode_frame(&mut body);
        }
        let last = first + times.len() as u64 - 1;
        Batch {
            sequence: 1,
            stored: 100,
            redelivered: false,
            first,
            last,
            body: body.into(),
        }
    }

    fn child() -> Child {
        Child::new(
            Account::new(("00000000000000ff".parse().unwrap(), 17), "w", 0),
            0,
        )
    }

    fn keys(child: &mut Child, batch: &Batch) -> Vec<(u64, u64)> {
        let mut keys = Vec::new();
        child.take(batch, |part| keys.push((part.ordinal, part.key)));
        keys
    }

    #[test]
    fn keys_do_not_go_back_and_not_beyond_the_time_of_storing() {
        let keys = keys(&mut child(), &batch(0, &[5, 9, 7, 1000, 50]));
        assert_eq!(keys, [(0, 5), (1, 9), (2, 9), (3, 100), (4, 100)]);
    }

    #[test]
    fn frames_that_came_before_are_left_out() {
        let mut child = child();
        assert_eq!(keys(&mut child, &batch(0, &[1, 2])).len(), 2);
        assert_eq!(keys(&mut child, &batch(0, &[1, 2, 3])), [(2, 3)]);
        assert_eq!(child.take(&batch(0, &[1, 2, 3]), |_| panic!()), 3);
    }

    #[test]
    fn a_body_that_ends_early_is_counted_and_its_ordinals_are_done() {
        let mut child = child();
        let mut short = batch(0, &[1, 2, 3]);
        short.body.truncate(short.body.len() - 1);
        assert_eq!(child.take(&short, |_| {}), 1);
        assert_eq!(
            (child.account.sums().malformed, child.order.taken().next()),
            (1, 3)
        );
    }
}
