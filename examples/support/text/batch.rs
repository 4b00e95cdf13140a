//! `Batch`: one batch as text, and the record that it stands under.

use log::Level;
use record_proto::{BatchInfo, BatchReason, Encode, LogRecord};

use super::{columns::process_name, formatter::Formatter};

/// What a record takes besides its encoding, roughly.
const RECORD_BYTES: usize = 256;
/// The least that a batch counts for, so that no more are open than each record can be compared with.
const BATCH_BYTES: usize = 8 * 1024;

/// Records of a batch in the order in which they came.
#[derive(Debug)]
pub(crate) struct Batch {
    name: String,
    reason: BatchReason,
    /// The payloads, each with whether it is shown.
    records: Vec<(bool, Vec<u8>)>,
    bytes: usize,
    /// How many records it has, as far as its first one that arrived says.
    total: u64,
    /// How many records are still to come, as the last one that arrived says.
    left: u64,
    /// The number after the batch's last record. If that one has not arrived, other threads' records may have numbers
    /// that this does not know of.
    next_seq: u64,
    most_severe: Level,
    /// How many records of the process have come since the last one of the batch.
    others: u32,
    /// The severe record came, and whether it is shown.
    followed: Option<bool>,
}

impl Batch {
    pub(super) fn new(record: &LogRecord<'_>, info: BatchInfo) -> Self {
        Self {
            name: format!("{}: {} {}", process_name(record), info.reason, info.id),
            reason: info.reason,
            records: Vec::new(),
            bytes: 0,
            total: info.left.saturating_add(1),
            left: 0,
            next_seq: 0,
            most_severe: record.level,
            others: 0,
            followed: None,
        }
    }

    /// Adds a record. Returns how many bytes that takes.
    pub(super) fn push(&mut self, record: &LogRecord<'_>, info: BatchInfo, shown: bool) -> usize {
        let mut payload = Vec::new();
        record.encode(&mut payload);
        let before = self.bytes;
        self.bytes = self.bytes.max(BATCH_BYTES) + payload.len() + RECORD_BYTES;
        self.records.push((shown, payload));
        self.left = info.left;
        self.next_seq = record.seq.saturating_add(info.left).saturating_add(1);
        self.most_severe = self.most_severe.min(record.level);
        self.others = 0;
        self.bytes - before
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn others(&self) -> u32 {
        self.others
    }

    /// Returns whether this record of the same process, which is in no batch, has released the batch.
    pub(super) fn is_released_by(&mut self, record: &LogRecord<'_>, shown: bool) -> bool {
        self.others += 1;
        self.followed = self.is_followed_by(record).then_some(shown);
        self.followed.is_some()
    }

    /// Returns the lines to print: a heading if there is no record that the batch stands under, the records that are
    /// shown, and how many have not arrived.
    pub(crate) fn lines(&self, formatter: &mut Formatter, label: Option<&str>) -> Vec<String> {
        let shown = self.records.iter().filter(|(shown, _)| *shown);
        let mut lines: Vec<_> = shown
            .map(|(_, payload)| formatter.batched(&decoded(payload), label))
            .collect();
        if lines.is_empty() {
            return lines;
        }
        if let Some(heading) = self.heading() {
            lines.insert(0, heading);
        }
        match self.total.saturating_sub(self.records.len() as u64) {
            0 => {}
            1 => lines.push("| ... 1 record of the batch has not arrived".to_owned()),
            missing => lines.push(format!(
                "| ... {missing} records of the batch have not arrived"
            )),
        }
        lines
    }

    fn heading(&self) -> Option<String> {
        let why = match (self.reason, self.followed) {
            (_, Some(true)) => return None,
            (_, Some(false)) => ", whose severe record is not shown",
            (BatchReason::Escalation, None) => ", whose severe record has not arrived",
            (_, None) => "",
        };
        Some(format!("--- {}{why}", self.name))
    }

    /// Returns whether the record is the severe one: it has the number after the batch's last record. If that one has
    /// not arrived, or if nobody counts (number 0), the record has to be more severe than all of the batch.
    fn is_followed_by(&self, record: &LogRecord<'_>) -> bool {
        let is_counted = record.seq != 0;
        let is_next = match is_counted {
            true => record.seq == self.next_seq,
            false => self.left == 0,
        };
        let is_certain = is_counted && self.left == 0;
        self.reason == BatchReason::Escalation
            && is_next
            && (is_certain || record.level < self.most_severe)
    }
}

fn decoded(payload: &[u8]) -> LogRecord<'_> {
    LogRecord::decode_with_limit(payload, usize::MAX).expect("a record that was encoded here")
}
