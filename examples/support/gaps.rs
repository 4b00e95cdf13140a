//! The gaps between the records that arrived: which process they are in, how many records they have, and when.
//!
//! A process numbers its records from 1. A number that did not arrive was dropped by the process or is missing; the
//! summary says how many of each.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    iter,
};

use indicatif::HumanCount;
use pipe_subscriber::{ProcessSummary, Summary};
use record_proto::LogRecord;

use super::text::Escaped;

/// How many ranges are kept. Further records do not begin a range, so that they count as lost after the last one.
const MAX_RANGES: usize = 65_536;

type Key = (Option<u64>, Option<u32>);

/// The numbers that have arrived from each process, as ranges.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    processes: HashMap<Key, BTreeMap<u64, Range>>,
    ranges: usize,
}

/// Numbers without a gap. The first one is the key of the map.
#[derive(Debug, Clone, Copy)]
struct Range {
    last: u64,
    first_time: u64,
    last_time: u64,
}

/// Records that did not arrive, between the times of two that did.
struct Gap {
    records: u64,
    after: Option<u64>,
    before: Option<u64>,
}

impl Gaps {
    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        // 0 means that nobody counts.
        if record.seq == 0 {
            return;
        }
        let key = (record.pid, record.instance);
        let is_full = self.ranges >= MAX_RANGES;
        if is_full && !self.processes.contains_key(&key) {
            return;
        }
        let ranges = self.processes.entry(key).or_default();
        let below = ranges.range_mut(..=record.seq).next_back();
        match below.map(|(_, range)| range) {
            Some(range) if range.last >= record.seq => {}
            Some(range) if range.last + 1 == record.seq => {
                range.last = record.seq;
                range.last_time = record.time;
                self.ranges -= usize::from(join_next(ranges, record.seq));
            }
            _ if !is_full => {
                let range = Range {
                    last: record.seq,
                    first_time: record.time,
                    last_time: record.time,
                };
                ranges.insert(record.seq, range);
                self.ranges += 1;
                self.ranges -= usize::from(join_next(ranges, record.seq));
            }
            _ => {}
        }
    }

    /// Returns a line for each process of which records did not arrive. `time` formats a time.
    pub(crate) fn report(
        &self,
        summary: &Summary,
        mut time: impl FnMut(u64) -> String,
    ) -> Vec<String> {
        let lines = summary.processes.iter().filter_map(|process| {
            let gaps = self.gaps_of(process);
            (!gaps.is_empty()).then(|| line(process, &gaps, &mut time))
        });
        lines.collect()
    }

    /// Returns the gaps of a process in their order. What was not lost between two records was lost before the first
    /// one or after the last one.
    fn gaps_of(&self, process: &ProcessSummary) -> Vec<Gap> {
        let lost = process.missing.saturating_add(process.dropped);
        let ranges = self.processes.get(&(process.pid, process.instance));
        let Some(ranges) = ranges.filter(|_| lost > 0) else {
            return Vec::new();
        };
        let ranges: Vec<_> = ranges.iter().collect();
        let (first, last) = (ranges[0], ranges[ranges.len() - 1]);
        let within = ranges.windows(2).map(|pair| Gap {
            records: pair[1].0 - pair[0].1.last - 1,
            after: Some(pair[0].1.last_time),
            before: Some(pair[1].1.first_time),
        });
        let outside = lost.saturating_sub(within.clone().map(|gap| gap.records).sum());
        let at_start = Gap {
            records: outside.min(first.0 - 1),
            after: None,
            before: Some(first.1.first_time),
        };
        let at_end = Gap {
            records: outside - at_start.records,
            after: Some(last.1.last_time),
            before: None,
        };
        let gaps = iter::once(at_start).chain(within).chain([at_end]);
        gaps.filter(|gap| gap.records > 0).collect()
    }
}

/// Joins the range that ends with this number and the one that begins after it. Returns whether there is one.
fn join_next(ranges: &mut BTreeMap<u64, Range>, last: u64) -> bool {
    if let Some(next) = last.checked_add(1).and_then(|next| ranges.remove(&next))
        && let Some((_, range)) = ranges.range_mut(..=last).next_back()
    {
        range.last = next.last;
        range.last_time = next.last_time;
        return true;
    }
    false
}

/// Returns `emit[17]: 12 records did not arrive, in 3 gaps, between TIME and TIME; the largest has 8, after TIME`.
fn line(process: &ProcessSummary, gaps: &[Gap], time: &mut dyn FnMut(u64) -> String) -> String {
    let name = Escaped(process.process.as_deref().unwrap_or("-"));
    let pid = process.pid.map_or(String::new(), |pid| format!("[{pid}]"));
    let records: u64 = gaps.iter().map(|gap| gap.records).sum();
    let noun = if records == 1 { "record" } else { "records" };
    let records = HumanCount(records);
    let mut line = format!("gap: {name}{pid}: {records} {noun} did not arrive, ");
    if gaps.len() > 1 {
        let _never_fails = write!(line, "in {} gaps, ", HumanCount(gaps.len() as u64));
    }
    let (after, before) = (gaps[0].after, gaps[gaps.len() - 1].before);
    line += &between(after, before, time);
    let largest = gaps.iter().max_by_key(|gap| gap.records);
    if let Some(largest) = largest.filter(|_| gaps.len() > 1) {
        let records = HumanCount(largest.records);
        let between = between(largest.after, largest.before, time);
        let _never_fails = write!(line, "; the largest has {records}, {between}");
    }
    line
}

fn between(after: Option<u64>, before: Option<u64>, time: &mut dyn FnMut(u64) -> String) -> String {
    match (after, before) {
        (Some(after), Some(before)) => format!("between {} and {}", time(after), time(before)),
        (Some(after), None) => format!("after {}", time(after)),
        (None, Some(before)) => format!("before {}", time(before)),
        (None, None) => "at any time".to_owned(),
    }
}
