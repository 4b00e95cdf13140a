//! What came of the children of a soak so far.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pipe_subscriber::{StreamEnd, Summary};

use crate::{
    checker::Verdict,
    plan::{Delivery, Plan},
    process_stats::ProcessStats,
    table::Table,
};

#[derive(Debug, Default)]
pub(crate) struct SoakReport(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    table: Table,
    streams: u64,
    missing: u64,
    ends: BTreeMap<String, u64>,
    hostile: u64,
    hostile_malformed: u64,
    hostile_ends: BTreeMap<String, u64>,
    faults: u64,
    /// KiB, once a second.
    memory: Vec<u64>,
}

impl SoakReport {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, plan: &Plan, verdict: &Verdict, summary: Option<&Summary>) {
        let mut pages = self.pages();
        pages.table.merge(&verdict.table);
        pages.streams += 1;
        if let Some(summary) = summary {
            pages.missing += summary.missing;
            count(&mut pages.ends, summary.end);
        }
        if !verdict.complaints.is_empty() {
            println!("{plan:?}");
            verdict
                .complaints
                .iter()
                .for_each(|text| println!("  {text}"));
        }
    }

    pub(crate) fn enter_hostile(&self, outcome: io::Result<Summary>) {
        let mut pages = self.pages();
        pages.hostile += 1;
        match outcome {
            Ok(summary) => {
                pages.hostile_malformed += summary.malformed;
                count(&mut pages.hostile_ends, summary.end);
            }
            Err(error) => {
                pages.faults += 1;
                println!("a hostile child: {error}");
            }
        }
    }

    pub(crate) fn look(&self, stats: ProcessStats) {
        self.pages().memory.push(stats.memory);
    }

    /// The median, of the later half of what was seen. 0 where nothing was.
    pub(crate) fn usual_memory(&self) -> u64 {
        let pages = self.pages();
        let mut later = pages.memory[pages.memory.len() / 2..].to_vec();
        later.sort_unstable();
        later.get(later.len() / 2).copied().unwrap_or(0)
    }

    pub(crate) fn forget_memory(&self) {
        self.pages().memory.clear();
    }

    pub(crate) fn table(&self) -> String {
        self.pages().table.to_string()
    }

    pub(crate) fn is_good(&self) -> bool {
        let pages = self.pages();
        pages.faults == 0 && pages.streams > 0 && pages.table.is_good()
    }
}

fn count(ends: &mut BTreeMap<String, u64>, end: StreamEnd) {
    *ends.entry(end.to_string()).or_default() += 1;
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.pages();
        let sum = pages.table.sum();
        let lost = |buffered| {
            let is_it = move |delivery| (delivery == Delivery::Buffered) == buffered;
            pages.table.sum_of(|delivery, _| is_it(delivery)).lost
        };
        write!(
            f,
            "{} streams of {} processes, {} received, acknowledged and lost {} (buffered {}), missing {}, torn {}, \
             wrong {}, ends {:?}; {} hostile, malformed {}, ends {:?}",
            pages.streams,
            sum.deaths,
            sum.received,
            lost(false),
            lost(true),
            pages.missing,
            sum.torn,
            sum.wrong + sum.desynchronised,
            pages.ends,
            pages.hostile,
            pages.hostile_malformed,
            pages.hostile_ends,
        )
    }
}
