//! The results of the children of a soak so far.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pipe_subscriber::{StreamEnd, Summary};

use crate::{checker::Verdict, plan::Plan, process_stats::ProcessStats, table::Table};

#[derive(Debug, Default)]
pub(crate) struct SoakReport(Mutex<Counters>);

#[derive(Debug, Default)]
struct Counters {
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
    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, plan: &Plan, verdict: &Verdict, summary: Option<&Summary>) {
        let mut counters = self.counters();
        counters.table.merge(&verdict.table);
        counters.streams += 1;
        if let Some(summary) = summary {
            counters.missing += summary.missing;
            count(&mut counters.ends, summary.end);
        }
        if !verdict.complaints.is_empty() {
            println!("{plan:?}");
            verdict
                .complaints
                .iter()
                .for_each(|text| println!("  {text}"));
        }
    }

    pub(crate) fn add_hostile(&self, outcome: io::Result<Summary>) {
        let mut counters = self.counters();
        counters.hostile += 1;
        match outcome {
            Ok(summary) => {
                counters.hostile_malformed += summary.malformed;
                count(&mut counters.hostile_ends, summary.end);
            }
            Err(error) => {
                counters.faults += 1;
                println!("a hostile child: {error}");
            }
        }
    }

    pub(crate) fn add_memory_of(&self, stats: ProcessStats) {
        self.counters().memory.push(stats.memory);
    }

    /// Returns the median of the later half of the samples; 0 if there are none.
    pub(crate) fn usual_memory(&self) -> u64 {
        let counters = self.counters();
        let mut later = counters.memory[counters.memory.len() / 2..].to_vec();
        later.sort_unstable();
        later.get(later.len() / 2).copied().unwrap_or(0)
    }

    pub(crate) fn forget_memory(&self) {
        self.counters().memory.clear();
    }

    pub(crate) fn table(&self) -> String {
        self.counters().table.to_string()
    }

    pub(crate) fn is_good(&self) -> bool {
        let counters = self.counters();
        counters.faults == 0 && counters.streams > 0 && counters.table.is_good()
    }
}

fn count(ends: &mut BTreeMap<String, u64>, end: StreamEnd) {
    *ends.entry(end.to_string()).or_default() += 1;
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.counters();
        let sum = counters.table.sum();
        write!(
            f,
            "{} streams of {} processes, {} received, acknowledged and lost {}, missing {}, torn {}, \
             wrong {}, ends {:?}; {} hostile, malformed {}, ends {:?}",
            counters.streams,
            sum.deaths,
            sum.received,
            sum.lost,
            counters.missing,
            sum.torn,
            sum.wrong + sum.desynchronised,
            counters.ends,
            counters.hostile,
            counters.hostile_malformed,
            counters.hostile_ends,
        )
    }
}
