//! The records that the logger gets from the processes of one buffer.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::atomic::{AtomicU64, Ordering::Acquire},
};

use pipe_subscriber::{LogRecord, Summary};

use super::{
    OVER, child,
    plan::{End, Kind, Plan, THREADS},
};
use crate::message;

#[derive(Debug, Default)]
pub(super) struct Seen {
    received: u64,
    torn: u64,
    disordered: u64,
    /// The number that each thread of each process logs next.
    next: HashMap<(usize, usize), u64>,
    /// The sessions, as the owners' words name them.
    sessions: HashSet<u64>,
    /// The owners of the rings at the end.
    owners: Vec<u64>,
    processes: usize,
    by_rings: usize,
}

impl Seen {
    pub(super) fn add(&mut self, record: &LogRecord<'_>) {
        self.received += 1;
        if record.target == OVER {
            return;
        }
        self.sessions
            .insert(1 << 32 | u64::from(record.instance.unwrap_or_default()));
        let Some(place) = message::read(&record.message) else {
            self.torn += 1;
            return;
        };
        let next = self.next.entry((place.member, place.thread)).or_default();
        self.disordered += u64::from(*next != place.n);
        *next = place.n + 1;
    }

    pub(super) fn note_owners(&mut self, words: &[AtomicU64]) {
        self.owners = child::owners(words);
        let owners: HashSet<_> = self.owners.iter().copied().collect();
        self.by_rings = self.sessions.intersection(&owners).count();
    }

    pub(super) fn add_sums(&mut self, plan: &Plan, other: &Self) {
        self.received += other.received;
        self.processes += plan.processes;
        self.by_rings += other.by_rings;
        self.sessions.extend(&other.sessions);
    }

    /// Compares the records with what the processes say that they have logged.
    pub(super) fn compare(
        &self,
        plan: &Plan,
        words: &[AtomicU64],
        summary: &Summary,
    ) -> Vec<String> {
        let mut complaints = self.compare_threads(plan, words);
        let lost = [summary.dropped, summary.malformed, summary.unknown];
        if (self.torn, self.disordered, lost) != (0, 0, [0; 3]) || summary.received != self.received
        {
            complaints.push(format!("{self:?}, {summary}: {:?}", summary.reasons));
        }
        let threads = THREADS as u64;
        for process in summary
            .processes
            .iter()
            .filter(|process| process.missing > threads)
        {
            complaints.push(format!("too many are missing: {process:?}"));
        }
        let taken = self.owners.iter().filter(|owner| **owner != 0).count();
        let is_right = match plan.kind {
            Kind::End => {
                taken == 0 && self.sessions.len() == plan.processes && summary.missing == 0
            }
            // Each of these processes has taken a ring at least, unless it was killed before.
            Kind::Die if plan.processes >= 2 * self.owners.len() => {
                taken == self.owners.len() && self.by_rings < self.sessions.len()
            }
            Kind::Die => true,
        };
        if !is_right || self.owners.is_empty() {
            complaints.push(format!(
                "{taken} of {} rings have an owner, {} sessions: {summary}",
                self.owners.len(),
                self.sessions.len()
            ));
        }
        complaints
    }

    fn compare_threads(&self, plan: &Plan, words: &[AtomicU64]) -> Vec<String> {
        let mut complaints = Vec::new();
        for number in 0..plan.processes {
            let claimer = plan.claimer(number);
            for thread in 0..=THREADS {
                let returned = child::returned(words, number, thread).load(Acquire);
                let received = self
                    .next
                    .get(&(number, thread))
                    .copied()
                    .unwrap_or_default();
                // A process that is killed from outside may have been about to return.
                let (least, most) = match claimer.end {
                    End::Outside { .. } => (returned, returned + 1),
                    _ => (claimer.records_of(thread), returned),
                };
                if !(least..=most).contains(&received) {
                    complaints.push(format!("process {number}, {claimer:?}, thread {thread}: {returned} returned, {received} received"));
                }
            }
        }
        complaints
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processes,
            received,
            by_rings,
            ..
        } = self;
        let sessions = self.sessions.len();
        write!(
            f,
            "{processes} processes, {sessions} sessions that logged ({by_rings} have a ring at the end), {received} records"
        )
    }
}
