//! A plan for the processes of one stream. The campaign draws it, and the children get it as JSON.

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use pipe_handler::Overflow;
use serde::{Deserialize, Serialize};

use crate::{death::Death, random::of_any_magnitude};

/// The most processes of a trial.
pub(crate) const PROCESSES: usize = 4;
/// The most threads of a process.
pub(crate) const THREADS: usize = 8;

/// One stream: a child with a record pipe, and the processes that it shares the pipe with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Decides the size of each record.
    pub(crate) seed: u64,
    pub(crate) delivery: Delivery,
    pub(crate) sizes: Sizes,
    /// The pipe is the child's stdin.
    pub(crate) via_stdin: bool,
    /// The bytes of the buffer that the child is offered.
    pub(crate) buffer: Option<usize>,
    pub(crate) stop: Option<Stop>,
    pub(crate) hold: Option<Hold>,
    /// Pause of the parent's logger after each 16th record.
    pub(crate) logger_micros: u64,
    /// Pause of each thread between its records.
    pub(crate) pause_micros: u64,
    /// The first is the child; it starts or forks the others.
    pub(crate) members: Vec<Member>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) origin: Origin,
    pub(crate) threads: usize,
    /// Records of each thread, if it lives that long.
    pub(crate) records: u64,
    pub(crate) death: Death,
    pub(crate) moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Delivery {
    Direct,
    /// Direct; a record that finds no room is dropped.
    Dropping,
    /// Direct; a record that finds no room within a moment is dropped.
    Waiting,
    /// Through a shared buffer.
    Shared,
    /// Shared; a record that finds no room is dropped.
    SharedDropping,
    /// Shared; a record that finds no room within a moment is dropped.
    SharedWaiting,
    /// The client in Python, which uses the pipe.
    PythonPipe,
    /// The writer of shared buffers in Python.
    PythonShared,
}

/// The parent is stopped so long after the child's start. It goes on when the processes are dead or wait for it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) after_micros: u64,
    /// The time between the last death and the parent's going on.
    pub(crate) millis: u64,
}

/// A process is stopped so long after its start, and goes on after a while.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) member: usize,
    pub(crate) after_micros: u64,
    pub(crate) millis: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sizes {
    /// Up to 300 bytes.
    Small,
    /// Frames a little below and above `PIPE_BUF`.
    Edge,
    /// One byte less than pages, whole pages, one byte more.
    Pages,
    /// Up to the longest message, in fragments.
    Large,
    /// Of all kinds, mostly small ones.
    Mixed,
}

/// How a process gets the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// Started by the campaign.
    Spawned,
    /// Forked before the child's threads log.
    Forked,
    /// Forked while the child's threads log.
    ForkedLate,
    /// Started by the child, which shares its pipe.
    Shared,
}

/// When a process dies.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Moment {
    /// After the log call of a thread that makes this many.
    Behind { thread: usize, records: u64 },
    /// While that record is being formatted.
    Within { thread: usize, records: u64 },
    /// So long after its start, by a thread of its own.
    Later { micros: u64 },
    /// So long after its start, by the campaign.
    Outside { micros: u64 },
}

/// The values to draw from.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) deaths: Vec<Death>,
    /// Records of one process, at most.
    pub(crate) records: u64,
    /// How long a parent stays stopped after the deaths.
    pub(crate) stop_millis: u64,
}

impl Plan {
    pub(crate) fn draw(random: &mut Rng, choice: &Choice) -> Self {
        const SIZES: [Sizes; 8] = [
            Sizes::Small,
            Sizes::Small,
            Sizes::Small,
            Sizes::Small,
            Sizes::Mixed,
            Sizes::Edge,
            Sizes::Pages,
            Sizes::Large,
        ];
        let sizes = random.choice(SIZES).expect("a size");
        let delivery = *random.choice(&choice.deliveries).expect("a delivery");
        let others = match delivery {
            // Each process needs a ring, so that its drops are counted in memory.
            Delivery::SharedDropping | Delivery::SharedWaiting => random.u8(..4) / 3,
            Delivery::PythonPipe | Delivery::PythonShared => 0,
            _ => random.choice([0, 0, 0, 1, 2, 3]).expect("a number"),
        };
        let members = (0..=others).map(|place| {
            let mut member = Member::draw(random, choice, sizes, place > 0);
            if delivery.is_python() {
                member.draw_for_python(random);
            }
            member
        });
        let members = members.collect();
        Self {
            seed: random.u64(..),
            delivery,
            sizes,
            via_stdin: !delivery.is_shared() && random.u8(..4) == 0,
            buffer: delivery.draw_buffer(random),
            stop: (delivery.is_shared() && random.u8(..4) == 0).then(|| Stop {
                after_micros: of_any_magnitude(random, 30_000),
                millis: choice.stop_millis,
            }),
            hold: None,
            logger_micros: 0,
            pause_micros: 0,
            members,
        }
    }
}

impl Delivery {
    pub(crate) fn is_shared(self) -> bool {
        use Delivery::{PythonShared, Shared, SharedDropping, SharedWaiting};
        matches!(self, Shared | SharedDropping | SharedWaiting | PythonShared)
    }

    pub(crate) fn is_python(self) -> bool {
        matches!(self, Delivery::PythonPipe | Delivery::PythonShared)
    }

    /// Whether a record whose log call has returned may have been given up by the overflow policy.
    pub(crate) fn drops(self) -> bool {
        use Delivery::{Dropping, SharedDropping, SharedWaiting, Waiting};
        matches!(self, Dropping | Waiting | SharedDropping | SharedWaiting)
    }

    /// Whether a record arrives once its log call has returned.
    pub(crate) fn is_lossless(self) -> bool {
        !self.drops()
    }

    pub(crate) fn overflow(self) -> Overflow {
        match self {
            Delivery::Dropping | Delivery::SharedDropping => Overflow::DropNewest,
            Delivery::Waiting | Delivery::SharedWaiting => {
                Overflow::BlockFor(Duration::from_millis(1))
            }
            _ => Overflow::Block,
        }
    }

    /// Draws the size of the buffer: of the usual one, of one whose rings are as short as possible, and of those that
    /// have too few rings.
    fn draw_buffer(self, random: &mut Rng) -> Option<usize> {
        const KIB: usize = 1024;
        const USUAL: usize = 8 * KIB * KIB;
        match self {
            Delivery::Direct | Delivery::Dropping | Delivery::Waiting | Delivery::PythonPipe => {
                None
            }
            Delivery::Shared | Delivery::PythonShared => {
                random.choice([USUAL, USUAL, 512 * KIB, 512 * KIB, 64 * KIB, 32 * KIB])
            }
            Delivery::SharedDropping | Delivery::SharedWaiting => {
                random.choice([USUAL, 512 * KIB, 512 * KIB])
            }
        }
    }
}

impl Member {
    fn draw(random: &mut Rng, choice: &Choice, sizes: Sizes, is_further: bool) -> Self {
        const ORIGINS: [Origin; 3] = [Origin::Forked, Origin::ForkedLate, Origin::Shared];
        let threads = random.usize(1..=THREADS);
        // Large records are as much work as many small ones.
        let records = choice.records / threads as u64 / sizes.weight();
        let records = records.max(8);
        let death = *random.choice(&choice.deaths).expect("a death");
        let thread = random.usize(..threads);
        let end = of_any_magnitude(random, records);
        let micros = of_any_magnitude(random, 30_000);
        let moment = match random.u8(..6) {
            0 | 1 => Moment::Behind {
                thread,
                records: end,
            },
            2 => Moment::Within {
                thread,
                records: end,
            },
            3 if death.can_come_from_outside() => Moment::Outside { micros },
            4 if death.can_come_from_outside() => Moment::Outside { micros },
            _ => Moment::Later { micros },
        };
        Self {
            origin: match is_further {
                true => random.choice(ORIGINS).expect("an origin"),
                false => Origin::Spawned,
            },
            threads,
            records,
            death,
            moment,
        }
    }

    /// Python has one thread here, and no panics.
    fn draw_for_python(&mut self, random: &mut Rng) {
        if self.death.panics() {
            self.death = Death::Sigkill;
        }
        self.threads = 1;
        self.records = self.records.min(2_000);
        let end = of_any_magnitude(random, self.records);
        if let Moment::Behind { thread, records } | Moment::Within { thread, records } =
            &mut self.moment
        {
            (*thread, *records) = (0, end);
        }
    }
}

impl Sizes {
    fn weight(self) -> u64 {
        match self {
            Sizes::Small => 1,
            Sizes::Mixed => 4,
            Sizes::Edge => 5,
            Sizes::Pages => 10,
            Sizes::Large => 100,
        }
    }

    /// Returns the length of the text of the record with this number.
    pub(crate) fn length(self, number: u64) -> usize {
        const PAGE: u64 = 4_096;
        const LONGEST: u64 = 262_144;
        let mut random = Rng::with_seed(number);
        let length = match self {
            Sizes::Small => random.u64(..300),
            Sizes::Edge => random.u64(3_700..4_200),
            Sizes::Pages => PAGE * random.u64(1..=6) + random.u64(..3) - 1,
            // Room for the head of the message.
            Sizes::Large => of_any_magnitude(&mut random, LONGEST - 100),
            Sizes::Mixed => {
                let kinds = [Sizes::Edge, Sizes::Pages, Sizes::Large];
                let kind = match random.usize(..100) {
                    place @ 0..3 => kinds[place],
                    3..10 => Sizes::Edge,
                    _ => Sizes::Small,
                };
                return kind.length(random.u64(..));
            }
        };
        usize::try_from(length).expect("small")
    }
}
