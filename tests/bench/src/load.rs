//! The load of one measurement.

use serde::{Deserialize, Serialize};

use crate::reference::{FIRST_JOB, Shape};

/// The system and the load of one measurement; the parent and the child get it as their argument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The name of a system or of a logger.
    pub system: String,
    pub load: Load,
}

/// What the children log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    pub children: u64,
    /// Threads in each child.
    pub threads: u64,
    pub shape: Shape,
    /// Records that each thread logs before the clock starts.
    pub prelude: u64,
    pub pace: Pace,
    /// Both sides count their allocations while the clock runs.
    pub count_allocations: bool,
}

/// When each thread logs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// As fast as it can.
    Flat { records: u64 },
    /// Some calls back to back, then a pause in which the reader catches up. Each call is timed.
    Bursts { bursts: u64, calls: u64 },
    /// One record, then a pause of a millisecond. The job number is the time of the call.
    Trickle { records: u64 },
    /// So many records a second, at equal distances or, if those are short, in small groups.
    Steady { records: u64, per_second: u64 },
    /// Calls below the level that is let through.
    Disabled { calls: u64 },
    /// Nothing, while the parent watches itself for so long.
    Idle { millis: u64 },
}

impl Load {
    /// One child with one thread that logs reference records.
    pub fn new(pace: Pace) -> Self {
        Self {
            children: 1,
            threads: 1,
            shape: Shape::Reference,
            prelude: 0,
            pace,
            count_allocations: false,
        }
    }

    pub fn threads(self, threads: u64) -> Self {
        Self { threads, ..self }
    }

    pub fn children(self, children: u64) -> Self {
        Self { children, ..self }
    }

    pub fn shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    pub fn prelude(self, prelude: u64) -> Self {
        Self { prelude, ..self }
    }

    pub fn counting_allocations(self) -> Self {
        Self {
            count_allocations: true,
            ..self
        }
    }

    /// Records of one child, those before the clock starts included.
    pub fn per_child(&self) -> u64 {
        self.threads * (self.prelude + self.pace.records())
    }

    /// Records of all children while the clock runs.
    pub fn timed(&self) -> u64 {
        self.children * self.threads * self.pace.records()
    }

    /// What the job numbers of one child come to; `None` where they say something else.
    pub fn job_sum(&self) -> Option<u64> {
        let sum = |count: u64| (0..count).map(|i| FIRST_JOB + i).sum::<u64>();
        match (self.shape, self.pace) {
            (_, Pace::Trickle { .. }) | (Shape::KeyValues(_) | Shape::Message(_), _) => None,
            _ => Some(self.threads * (sum(self.prelude) + sum(self.pace.records()))),
        }
    }
}

impl Pace {
    /// Records of one thread.
    pub fn records(self) -> u64 {
        match self {
            Pace::Flat { records } | Pace::Trickle { records } | Pace::Steady { records, .. } => {
                records
            }
            Pace::Bursts { bursts, calls } => bursts * calls,
            Pace::Disabled { .. } | Pace::Idle { .. } => 0,
        }
    }
}
