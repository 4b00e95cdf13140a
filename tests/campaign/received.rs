//! The records that the logger gets from a stream, counted by the numbers in them.

use std::collections::HashMap;

use pipe_subscriber::LogRecord;

use crate::{
    message,
    plan::{PROCESSES, THREADS},
};

#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) received: u64,
    pub(crate) torn: u64,
    /// Records that came twice, or after a later one.
    pub(crate) disordered: u64,
    pub(crate) by_level: [u64; 5],
    /// The message of the last panic.
    pub(crate) panic: Option<String>,
    threads: [[Line; THREADS]; PROCESSES],
    processes: HashMap<Option<u64>, Process>,
}

/// The records of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Line {
    pub(crate) received: u64,
    /// One more than the last number.
    next: u64,
    /// Numbers that did not come.
    pub(crate) skipped: u64,
}

/// The records of one process, by the handler's numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Process {
    pub(crate) received: u64,
    pub(crate) highest: u64,
    pub(crate) panics: u64,
}

impl Received {
    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        self.received += 1;
        self.by_level[record.level as usize - 1] += 1;
        let process = self.processes.entry(record.pid).or_default();
        process.received += 1;
        process.highest = process.highest.max(record.seq);
        if record.target == "panic" {
            process.panics += 1;
            self.panic = Some(record.message.clone().into_owned());
            return;
        }
        let Some(place) = message::read(&record.message) else {
            self.torn += 1;
            return;
        };
        let members = self.threads.get_mut(place.member);
        let Some(line) = members.and_then(|threads| threads.get_mut(place.thread)) else {
            self.torn += 1;
            return;
        };
        if place.n < line.next {
            self.disordered += 1;
            return;
        }
        line.received += 1;
        line.skipped += place.n - line.next;
        line.next = place.n + 1;
    }

    pub(crate) fn line(&self, member: usize, thread: usize) -> Line {
        self.threads[member][thread]
    }

    pub(crate) fn process(&self, pid: u64) -> Process {
        self.processes.get(&Some(pid)).copied().unwrap_or_default()
    }

    pub(crate) fn processes(&self) -> usize {
        self.processes.len()
    }
}
