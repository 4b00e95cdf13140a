//! The records that the logger gets from the processes of one stream, by the sessions that have logged them.

use std::{collections::HashMap, sync::atomic::AtomicU64};

use pipe_subscriber::{LogRecord, StreamEnd, Summary};

use super::{
    child,
    plan::{End, Moment, Plan, THREADS},
};
use crate::message::{self, Place};

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) received: u64,
    torn: u64,
    disordered: u64,
    /// The session that logged first: that of the first process.
    first: Option<u32>,
    sessions: HashMap<Option<u32>, Session>,
}

/// The records of one session.
#[derive(Debug, Default)]
struct Session {
    received: u64,
    /// Pid and thread id of all its records. The first process has several threads.
    pid: Option<u64>,
    thread_id: Option<u64>,
    /// Records that it has in common with the first process: it was made in the middle of them.
    copies: u64,
    /// Which process it is: 0 for the first; others are known once they have logged by themselves.
    member: Option<usize>,
    /// The next number of each thread.
    next: [u64; THREADS + 1],
}

impl Seen {
    pub(super) fn add(&mut self, record: &LogRecord<'_>) {
        self.received += 1;
        let Some(place) = message::read(&record.message) else {
            self.torn += 1;
            return;
        };
        let first = *self
            .first
            .get_or_insert(record.instance.unwrap_or_default());
        let session = self.sessions.entry(record.instance).or_default();
        session.received += 1;
        self.disordered += u64::from(!session.add(record, place, record.instance == Some(first)));
    }

    /// Compares the records with what the processes say that they have logged.
    pub(super) fn compare(&self, plan: &Plan, words: &[AtomicU64]) -> Vec<String> {
        let mut complaints = Vec::new();
        let of = |member| {
            self.sessions
                .values()
                .filter(move |session| session.member == Some(member))
        };
        for thread in 0..=THREADS {
            let (returned, received) = (
                child::returned(words, thread),
                of(0).map(|first| first.next[thread]).sum::<u64>(),
            );
            if returned != received {
                complaints.push(format!(
                    "thread {thread}: {returned} returned, {received} received"
                ));
            }
        }
        for number in 0..plan.forks {
            let (_, fork) = plan.fork(number);
            let [pid, returned] = child::of_fork(words, number);
            let own: Vec<_> = of(number + 1).collect();
            let is_right = match own[..] {
                [] => fork.records == 0,
                [session] => {
                    let copies = u64::from(fork.moment != Moment::Between);
                    (session.pid, session.next[0], session.copies) == (Some(pid), returned, copies)
                }
                _ => false,
            };
            if !is_right || returned != fork.records {
                complaints.push(format!(
                    "fork {number}, {fork:?}: pid {pid}, {returned} returned, {own:?}"
                ));
            }
        }
        let logging = (0..plan.forks)
            .filter(|number| plan.fork(*number).1.logs())
            .count();
        if self.sessions.len() != logging + 1 {
            complaints.push(format!(
                "{} sessions, {logging} forks log",
                self.sessions.len()
            ));
        }
        complaints
    }

    /// Compares the records with the summary.
    pub(super) fn complaints(&self, plan: &Plan, summary: &Summary) -> Vec<String> {
        let mut complaints = Vec::new();
        let lost = [
            summary.dropped,
            summary.missing,
            summary.in_flight,
            summary.malformed,
            summary.unknown,
            summary.incomplete,
        ];
        if (self.torn, self.disordered, lost) != (0, 0, [0; 6]) {
            complaints.push(format!(
                "{} torn, {} out of order, {summary}: {:?}",
                self.torn, self.disordered, summary.reasons
            ));
        }
        let closing = (0..plan.forks).map(|number| plan.fork(number).1);
        let closing = closing
            .filter(|fork| fork.logs() && fork.end == End::Exit)
            .count()
            + 1;
        let closed = summary
            .processes
            .iter()
            .filter(|process| process.closed)
            .count();
        let end = match closing == self.sessions.len() {
            true => StreamEnd::Clean,
            false => StreamEnd::Eof,
        };
        if (closed, summary.processes.len(), summary.end) != (closing, self.sessions.len(), end) {
            complaints.push(format!(
                "{closing} of {} close, {closed} have: {summary}",
                self.sessions.len()
            ));
        }
        for process in &summary.processes {
            let session = self.sessions.get(&process.instance);
            let seen = session.map(|session| (session.received, session.pid));
            if seen != Some((process.received, process.pid)) {
                complaints.push(format!("{process:?}, seen {session:?}"));
            }
        }
        complaints
    }
}

impl Session {
    /// Returns whether the record may come next in this session.
    fn add(&mut self, record: &LogRecord<'_>, place: Place, is_first: bool) -> bool {
        let has_one_thread = self.thread_id.is_none_or(|id| Some(id) == record.thread_id);
        let is_one_process = self.pid.is_none_or(|pid| Some(pid) == record.pid);
        (self.pid, self.thread_id) = (record.pid, record.thread_id);
        if !is_first && place.member == 0 {
            self.copies += 1;
            return record.seq == 1 && self.copies == 1;
        }
        let member = *self.member.get_or_insert(place.member);
        let next = &mut self.next[place.thread];
        let is_next = *next == place.n;
        *next = place.n + 1;
        is_next && is_one_process && member == place.member && (is_first || has_one_thread)
    }
}
