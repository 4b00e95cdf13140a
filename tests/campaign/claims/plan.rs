//! The processes of one buffer, as the seed draws them.

use serde::{Deserialize, Serialize};

use crate::random::{of_any_magnitude, of_trial};

/// The most threads of a process. A program that another one became has one more number.
pub(super) const THREADS: usize = 3;

/// What the processes of one buffer do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) words: String,
    pub(super) processes: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// The processes are killed or become other programs.
    Die,
    /// The processes are short and end normally.
    End,
}

/// A process that claims rings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimer {
    pub(super) threads: usize,
    /// Records of each thread.
    pub(super) records: u64,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With all destructors and exit hooks.
    Exit,
    /// By itself, after its last record.
    Kill,
    /// So long after its start, by the process that started it.
    Outside {
        micros: u64,
    },
    UnderscoreExit,
    Abort,
    /// It becomes another program, which logs by itself and ends normally.
    Exec,
}

impl Plan {
    pub(super) fn claimer(&self, number: usize) -> Claimer {
        let mut random = of_trial(self.seed, number as u64);
        if self.kind == Kind::End {
            return Claimer {
                threads: 2,
                records: 3,
                end: End::Exit,
            };
        }
        let micros = of_any_magnitude(&mut random, 10_000);
        let outside = End::Outside { micros };
        let ends = [
            End::Kill,
            End::Kill,
            outside,
            outside,
            End::UnderscoreExit,
            End::Abort,
            End::Exec,
            End::Exec,
        ];
        Claimer {
            threads: random.usize(1..=THREADS),
            records: of_any_magnitude(&mut random, 300),
            end: random.choice(ends).expect("an end"),
        }
    }
}

impl Claimer {
    /// Returns how many records a thread of this number logs, if nobody kills it; that of [`THREADS`] is the program which
    /// the process becomes.
    pub(super) fn records_of(self, thread: usize) -> u64 {
        match self.end {
            _ if thread < self.threads => self.records,
            End::Exec if thread == THREADS => self.records,
            _ => 0,
        }
    }
}
