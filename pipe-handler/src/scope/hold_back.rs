//! `HoldBack`: the settings of a scope that holds records back.

use log::Level;

/// Holds records back until a severe one makes them matter.
///
/// Records below a level are encoded into memory instead of being sent. If a record of the second level follows, the
/// kept ones are sent before it, in their order, each whole. If none follows until the scope ends, they are forgotten.
///
/// Use it with [`Scope::hold_back`](crate::Scope::hold_back) for a piece of work, or with
/// [`Builder::hold_back`](crate::Builder::hold_back) for the whole process.
///
/// A record that the parent is to see when it matters must pass the child's filter and, in the parent, the logger. So
/// the parent spawns the child with the low level (`Spawn::filter("debug")`), and hold-back suppresses the records that
/// do not matter.
///
/// The kept records arrive as a batch with the reason escalation (`LogRecord::batch`), whose `left` counts down to 0.
/// They have the times at which they were logged, and numbers of the time at which they are sent.
///
/// A record that is held back costs its encoding and some 25 ns: the message is formatted when it is logged, because its
/// arguments may not live longer. It needs no system call and, but for one in some dozens of records, no lock. Each record
/// that is held back for the whole process takes one.
///
/// If several threads of a scope log severe records to one handler at the same time, one sends the kept ones, and the
/// others wait for it as they wait for room. A record that may not wait that long by its
/// [overflow policy](crate::Overflow) is dropped and counted, so that it never overtakes kept records: with
/// `DropNewest` that is so while an exempt record sends the kept ones, and otherwise such threads, which never pause,
/// wait for each other. Only the record of a panic overtakes them then.
///
/// So the severe record has a higher number than the kept ones; the one that makes them matter has the number after the
/// last of the batch. With direct delivery they also arrive in this order. With buffered delivery they do as far as one
/// thread sends them: as always, records of two threads may arrive in another order.
///
/// ```
/// use log::Level;
/// use pipe_handler::{AfterEscalation, HoldBack, Scope};
///
/// let hold_back = HoldBack::below(Level::Info)
///     .until(Level::Error)
///     .keep(256 * 1024)
///     .after(AfterEscalation::PassOn);
/// let request = Scope::new().with("request", 7).hold_back(hold_back);
/// request.in_scope(|| {
///     log::debug!("kept");
///     log::error!("sent, after the record above");
///     log::debug!("sent at once");
/// });
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a hold-back does nothing until it is bound to a scope or to a handler"]
pub struct HoldBack {
    pub(super) below: Level,
    pub(super) until: Level,
    pub(super) keep: usize,
    pub(super) total: usize,
    pub(super) after: AfterEscalation,
}

/// Whether a scope holds records back again after it has sent some; see [`HoldBack`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AfterEscalation {
    /// It holds records back again, until the next severe one.
    #[default]
    Reset,
    /// All further records are sent at once, until the scope ends, unless a scope around it holds them back.
    PassOn,
}

/// The default of [`HoldBack::keep`]: 64 KiB.
const DEFAULT_KEEP: usize = 64 * 1024;

/// The default of [`HoldBack::total`]: 64 MiB.
const DEFAULT_TOTAL: usize = 64 * 1024 * 1024;

impl HoldBack {
    /// Holds back records that are less severe than `level`, until an error.
    pub const fn below(level: Level) -> Self {
        Self {
            below: level,
            until: Level::Error,
            keep: DEFAULT_KEEP,
            total: DEFAULT_TOTAL,
            after: AfterEscalation::Reset,
        }
    }

    /// Sets the level from which on a record makes those before it matter. The default is [`Level::Error`].
    ///
    /// A record that is [below](Self::below) the other level is held back also if it reaches this one.
    ///
    /// A panic does so too, whatever the level, if the handler's [panic hook](crate::Builder::panic_hook) is on.
    pub const fn until(mut self, level: Level) -> Self {
        self.until = level;
        self
    }

    /// Sets how many bytes of memory the scope takes for records. The default is 64 KiB.
    ///
    /// The memory is taken in pieces, as it is used. If all of it is used, the oldest records are forgotten, a piece at
    /// a time; a piece has at most 16 KiB and, unless a single record is longer, an eighth of this bound. A record that
    /// is longer than the bound is forgotten at once.
    ///
    /// Each thread in the scope has a piece of its own, as long as these take no more than half of the bound. Further
    /// threads share the other half, and take a lock for each record.
    pub const fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Sets how many bytes of memory all scopes of the process may take together before this one takes more. The
    /// default is 64 MiB.
    ///
    /// If this bound is reached, the scope that holds records for the longest time forgets its oldest ones.
    pub const fn total(mut self, bytes: usize) -> Self {
        self.total = bytes;
        self
    }

    /// Sets what happens after records were sent. The default is to hold records back again.
    pub const fn after(mut self, after: AfterEscalation) -> Self {
        self.after = after;
        self
    }
}
