//! `Turns`: one thread at a time sends the records that a hold keeps.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::per_process::PerProcess;
use super::state::Busy;
use crate::transport::Deadline;

/// The turns of the threads that send the records of one hold. A thread that could not wait for its turn would overtake
/// records that were logged before its own.
#[derive(Debug, Default)]
pub(super) struct Turns(PerProcess<Turn>);

#[derive(Debug, Default)]
struct Turn {
    sender: Mutex<Option<Sender>>,
    ended: Condvar,
}

/// The thread whose turn it is.
#[derive(Debug)]
struct Sender {
    /// Whether it may wait for room in the pipe.
    may_wait: bool,
}

/// It is this thread's turn until this is dropped.
#[derive(Debug)]
struct Sending<'a> {
    turn: &'a Turn,
}

/// It is this thread's turn with several holds until this is dropped. Records that the thread logs meanwhile, as an
/// allocator may, pass by all scopes: they would wait for the thread itself.
#[derive(Debug)]
pub(super) struct SendingAll<'a> {
    _turns: Vec<Sending<'a>>,
    _busy: Busy,
}

impl<'a> SendingAll<'a> {
    /// Takes a turn with each hold; see [`Turns::take`]. All threads take those of the older holds first, so that no two
    /// wait for each other.
    pub(super) fn take(
        turns: impl Iterator<Item = &'a Turns>,
        deadline: &mut Deadline,
    ) -> Option<Self> {
        let busy = Busy::begin();
        Some(Self {
            _turns: turns
                .map(|turns| turns.take(deadline))
                .collect::<Option<_>>()?,
            _busy: busy,
        })
    }
}

impl Turns {
    /// Waits until no other thread sends records of the hold. Returns `None` if the deadline does not allow that.
    ///
    /// A thread that may not wait for room waits for others that may not either: these make no pause.
    fn take(&self, deadline: &mut Deadline) -> Option<Sending<'_>> {
        let turn = self.0.own(|_| Turn::default());
        let mut sender = ignore_poison(turn.sender.lock());
        while let Some(other) = &*sender {
            sender = match deadline.remaining() {
                None if other.may_wait => return None,
                None | Some(Duration::MAX) => ignore_poison(turn.ended.wait(sender)),
                Some(left) => ignore_poison(turn.ended.wait_timeout(sender, left)).0,
            };
        }
        *sender = Some(Sender {
            may_wait: deadline.may_wait(),
        });
        drop(sender);
        Some(Sending { turn })
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        *ignore_poison(self.turn.sender.lock()) = None;
        // All of them: the first may give up at this moment.
        self.turn.ended.notify_all();
    }
}

/// Code under the lock leaves the value whole even if it panics.
fn ignore_poison<G>(result: Result<G, PoisonError<G>>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}
