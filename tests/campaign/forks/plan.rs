//! The forks of one stream, as the seed draws them.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::random::of_trial;

/// Threads that log all the time. The main thread, which forks only, has the number 0.
pub(super) const THREADS: usize = 4;

/// What the processes of one stream do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) words: String,
    pub(super) forks: usize,
}

/// One fork.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fork {
    pub(super) made: Made,
    pub(super) moment: Moment,
    /// Records of the new process.
    pub(super) records: u64,
    pub(super) end: End,
}

/// How a process is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// By the C library.
    Fork,
    /// By the system call alone.
    Clone,
    /// By the system call alone, as the first process of a PID namespace: its pid is 1.
    Namespace,
}

/// When a process is made by one of the threads, while the others log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Between two records of the thread.
    Between,
    /// While the message of a record is formatted. Both processes go on with the record.
    InMessage,
    /// While a value of a record is formatted.
    InValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With all destructors and exit hooks.
    Exit,
    UnderscoreExit,
    Kill,
}

impl Plan {
    /// Returns a fork, and the thread that makes it.
    pub(super) fn fork(&self, number: usize) -> (usize, Fork) {
        let mut random = of_trial(self.seed, number as u64);
        let thread = number % (THREADS + 1);
        (thread, Fork::draw(&mut random, thread > 0))
    }

    /// Returns the numbers of the forks that a thread makes.
    pub(super) fn forks_of(&self, thread: usize) -> impl Iterator<Item = usize> + use<> {
        (thread..self.forks).step_by(THREADS + 1)
    }
}

impl Fork {
    fn draw(random: &mut Rng, can_log: bool) -> Self {
        use {End::*, Made::*, Moment::*};
        let made = *random
            .choice(&[Fork, Fork, Clone, Clone, Namespace])
            .expect("a way");
        let moment = match can_log {
            true => *random
                .choice(&[Between, InMessage, InValue])
                .expect("a moment"),
            false => Between,
        };
        let end = *random
            .choice(&[Exit, Exit, Exit, Exit, Exit, Exit, UnderscoreExit, Kill])
            .expect("an end");
        Self {
            made,
            moment,
            records: random.choice([0, 1, 3, 30]).expect("a number"),
            // The first process of a namespace cannot kill itself.
            end: if (made, end) == (Namespace, Kill) {
                UnderscoreExit
            } else {
                end
            },
        }
    }

    /// Whether the new process has an account: whether it logs at all.
    pub(super) fn logs(self) -> bool {
        self.records > 0 || self.moment != Moment::Between
    }
}

/// Returns the length of the message of a record: mostly small, some of several frames.
pub(super) fn length(number: u64) -> usize {
    match number % 16 {
        0 => 6_000,
        1 => LONGEST,
        _ => (number % 200) as usize,
    }
}

pub(super) const LONGEST: usize = 20_000;
