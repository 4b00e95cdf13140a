//! Checks the result of a trial against the promises.

use pipe_subscriber::{ProcessSummary, StreamEnd, Summary};
use serde::{Deserialize, Serialize};

use crate::{
    death::Death,
    message::by_level,
    plan::{Delivery, Plan},
    received::Process,
    table::{Row, Table},
    trial::Evidence,
};

/// The counters of a trial, and its faults in words.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) table: Table,
    pub(crate) complaints: Vec<String>,
}

pub(crate) fn check(plan: &Plan, evidence: &Evidence) -> Verdict {
    let mut check = Checker {
        plan,
        evidence,
        verdict: Verdict::default(),
    };
    check.stream();
    for place in 0..plan.members.len() {
        check.process(place);
    }
    // At an orderly end, the last drops come after the counts of the close frame.
    let all_die = plan.members.iter().all(|member| !member.death.is_orderly());
    if plan.delivery.is_shared() && plan.delivery.drops() && all_die {
        check.drops();
    }
    check.verdict
}

/// The verdict on a trial that did not end.
pub(crate) fn failed(plan: &Plan, error: &std::io::Error) -> Verdict {
    let mut verdict = Verdict::default();
    let row = verdict.table.row(plan.delivery, plan.members[0].death);
    (row.deaths, row.wrong) = (1, 1);
    verdict.complaints.push(error.to_string());
    verdict
}

struct Checker<'a> {
    plan: &'a Plan,
    evidence: &'a Evidence,
    verdict: Verdict,
}

impl Checker<'_> {
    /// Returns the row of a process. The faults of a stream count in the row of its first process.
    fn row(&mut self, place: usize) -> &mut Row {
        let death = self.plan.members[place].death;
        self.verdict.table.row(self.plan.delivery, death)
    }

    fn complain(&mut self, is_wrong: bool, text: impl FnOnce() -> String) {
        if is_wrong {
            self.row(0).wrong += 1;
            self.verdict.complaints.push(text());
        }
    }

    fn stream(&mut self) {
        let (summary, received) = (&self.evidence.summary, &self.evidence.received);
        let torn = received.torn + summary.malformed + summary.unknown;
        let is_lost = matches!(summary.end, StreamEnd::Corrupt | StreamEnd::Truncated);
        let row = self.row(0);
        row.torn += torn;
        row.desynchronised += u64::from(is_lost);
        if torn > 0 || is_lost {
            let text = format!("{torn} torn, {summary}: {:?}", summary.reasons);
            self.verdict.complaints.push(text);
        }
        let disordered = received.disordered;
        self.complain(disordered > 0, || format!("{disordered} out of order"));
        self.complain(summary.received != received.received, || {
            format!("the logger saw {}: {summary}", received.received)
        });
        let others = [summary.logger_panics, summary.evicted];
        self.complain(others != [0; 2], || {
            format!("panics, evicted {others:?}: {summary}")
        });
        // Each thread may have been writing one record.
        let threads: usize = self.plan.members.iter().map(|member| member.threads).sum();
        self.complain(summary.incomplete > threads as u64, || {
            format!("too many incomplete: {summary}")
        });
        let all_closed = !summary.processes.is_empty() && summary.processes.iter().all(is_closed);
        let end = match all_closed {
            true => StreamEnd::Clean,
            false => StreamEnd::Eof,
        };
        self.complain(!is_lost && summary.end != end, || {
            format!("it should end {end}: {summary}")
        });
        self.complain(!adds_up(summary), || {
            format!("the processes do not add up: {summary}")
        });
        self.complain(received.processes() > summary.processes.len(), || {
            format!("records of {} processes: {summary}", received.processes())
        });
    }

    fn process(&mut self, place: usize) {
        // It was never started, because the process that was to start it died before.
        let Some(pid) = self.evidence.counters.pid(place) else {
            return;
        };
        let member = &self.plan.members[place];
        self.row(place).deaths += 1;
        let (end, expected) = (self.evidence.ends[place], member.death.expected());
        self.complain(end != Some(expected), || {
            format!("process {place} ended by {end:?} and not by {expected:?}")
        });
        let [logged, acknowledged] = self.threads(place);
        let pid = u64::from(pid.as_raw_nonzero().get().cast_unsigned());
        let of_this = |process: &&ProcessSummary| process.pid == Some(pid);
        let accounts: Vec<_> = self.evidence.summary.processes.iter().collect();
        let accounts: Vec<_> = accounts.into_iter().filter(of_this).collect();
        let process = self.evidence.received.process(pid);
        match accounts[..] {
            [] => self.complain(acknowledged > 0 && self.plan.delivery.is_lossless(), || {
                format!("nothing was heard of process {place}")
            }),
            [account] => self.account(place, account, process, logged),
            _ => self.complain(true, || format!("process {place} said hello twice")),
        }
    }

    /// Checks, level by level, that each record whose log call returned was received or reported as dropped, and that
    /// nothing else was.
    fn drops(&mut self) {
        let members = self.plan.members.iter().enumerate();
        let lines =
            members.flat_map(|(place, member)| (0..member.threads).map(move |t| (place, t)));
        let (mut begun, mut returned) = ([0; 5], [0; 5]);
        for (place, thread) in lines {
            let counters = &self.evidence.counters;
            add(&mut begun, by_level(counters.begun(place, thread)));
            add(
                &mut returned,
                by_level(counters.acknowledged(place, thread)),
            );
        }
        // A panic is an error that no counter knows.
        let panics = self.plan.members.iter();
        begun[0] += panics.filter(|member| member.death.panics()).count() as u64;
        let dropped = self.evidence.summary.dropped_by_level.0;
        let mut known = self.evidence.received.by_level;
        add(&mut known, dropped);
        let lost = (0..5).map(|level| returned[level].saturating_sub(known[level]));
        let lost = lost.sum::<u64>();
        self.row(0).lost += lost;
        let is_wrong = lost > 0 || (0..5).any(|level| known[level] > begun[level]);
        self.complain(is_wrong, || {
            format!("returned {returned:?}, known {known:?} of which dropped {dropped:?}, begun {begun:?}")
        });
    }

    /// Returns how many log calls of a process have begun and how many have returned.
    fn threads(&mut self, place: usize) -> [u64; 2] {
        let member = &self.plan.members[place];
        let delivery = self.plan.delivery;
        let mut sums = [0; 2];
        for thread in 0..member.threads {
            let begun = self.evidence.counters.begun(place, thread);
            let acknowledged = self.evidence.counters.acknowledged(place, thread);
            let line = self.evidence.received.line(place, thread);
            let lost = match delivery.drops() {
                // The call also returns if the record was dropped.
                true => 0,
                false => acknowledged.saturating_sub(line.received),
            };
            let row = self.row(place);
            row.logged += begun;
            row.acknowledged += acknowledged;
            row.received += line.received;
            row.lost += lost;
            let figures = format!(
                "process {place} thread {thread}: {begun} begun, {acknowledged} returned, {line:?}"
            );
            let must_arrive = delivery.is_lossless() || member.death.is_orderly();
            let is_lost = lost > 0 && must_arrive;
            if is_lost {
                self.verdict.complaints.push(format!("lost: {figures}"));
            }
            self.complain(line.received > begun, || format!("too many: {figures}"));
            let skipped = line.skipped > 0 && !delivery.drops();
            self.complain(skipped, || format!("a gap: {figures}"));
            sums[0] += begun;
            sums[1] += acknowledged;
        }
        sums
    }

    /// Checks the counters of one process in the summary.
    fn account(&mut self, place: usize, account: &ProcessSummary, seen: Process, logged: u64) {
        let member = &self.plan.members[place];
        let delivery = self.plan.delivery;
        let said = || format!("process {place}: {account:?}, seen {seen:?}, {logged} begun");
        let known = account.received + account.dropped;
        let gaps = seen.highest.saturating_sub(known);
        let panics = u64::from(member.death.panics());
        let is_orderly = member.death.is_orderly();

        self.complain(account.received != seen.received, || {
            format!("received is not what was seen: {}", said())
        });
        self.complain(account.dropped > 0 && !delivery.drops(), || {
            format!("nothing is to be dropped: {}", said())
        });
        // If a process has closed, its calls that did not end count as in flight, and none as missing.
        let (missing, in_flight) = match account.closed {
            true => (0, gaps),
            false => (gaps, 0),
        };
        self.complain(
            (account.missing, account.in_flight) != (missing, in_flight),
            || format!("missing is not what is missing: {}", said()),
        );
        self.complain(known + gaps > logged + panics, || {
            format!("more than was logged: {}", said())
        });
        let unfinished = match delivery {
            // The drops of a single thread are reported before its next record.
            Delivery::Dropping | Delivery::Waiting
                if member.threads == 1 && panics == 0 && !is_orderly =>
            {
                0
            }
            // Another thread may have been about to report any number of drops.
            Delivery::Dropping | Delivery::Waiting => u64::MAX,
            // Once the exit hook has given the rings back, they are reported in frames too.
            Delivery::SharedDropping | Delivery::SharedWaiting if is_orderly => u64::MAX,
            // Drops are counted in the memory, one by one.
            _ => member.threads as u64 + panics,
        };
        self.complain(gaps > unfinished, || {
            format!("too many are missing: {}", said())
        });
        self.complain(!self.closes_rightly(member.death, account), || {
            format!("a close frame, or none: {}", said())
        });
        let message = &self.evidence.received.panic;
        self.complain(seen.panics > panics, || {
            format!("{message:?} panicked: {}", said())
        });
        let told = seen.panics == panics || delivery.drops();
        self.complain(!told && account.received > 0, || {
            format!("a panic was not heard of: {}", said())
        });
    }

    fn closes_rightly(&self, death: Death, account: &ProcessSummary) -> bool {
        // A process that ends during its hello, before it logs, need not close.
        let has_logged = account.received + account.dropped > 0;
        match death.is_orderly() {
            true => account.closed || !has_logged,
            false => !account.closed,
        }
    }
}

fn is_closed(process: &ProcessSummary) -> bool {
    process.closed
}

fn add(sums: &mut [u64; 5], counts: [u64; 5]) {
    sums.iter_mut()
        .zip(counts)
        .for_each(|(sum, count)| *sum += count);
}

fn adds_up(summary: &Summary) -> bool {
    let mut sums = [0; 4];
    for process in &summary.processes {
        sums[0] += process.received;
        sums[1] += process.dropped;
        sums[2] += process.missing;
        sums[3] += process.in_flight;
    }
    sums == [
        summary.received,
        summary.dropped,
        summary.missing,
        summary.in_flight,
    ]
}
