//! `Turns`: one thread at a time sends the records that a hold keeps for a writer.

use std::{
    ptr,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use super::per_process::PerProcess;
use super::state::Busy;
use crate::record::RecordWriter;
use crate::transport::Deadline;

/// The turns of the threads that send the records of one hold. A thread that could not wait for its turn would overtake
/// records that were logged before its own.
#[derive(Debug, Default)]
pub(super) struct Turns(PerProcess<Turn>);

#[derive(Debug, Default)]
struct Turn {
    /// At most one for each writer. A handler whose parent does not read must not delay records for another one.
    senders: Mutex<Vec<Sender>>,
    ended: Condvar,
}

/// The thread whose turn it is to send records by this writer.
#[derive(Debug)]
struct Sender {
    /// The address of the writer, which outlives the turn.
    writer: usize,
    /// Whether it may wait for room.
    may_wait: bool,
}

/// It is this thread's turn until this is dropped.
#[derive(Debug)]
struct Sending<'a> {
    turn: &'a Turn,
    writer: usize,
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
        writer: &RecordWriter,
        deadline: &mut Deadline,
    ) -> Option<Self> {
        let busy = Busy::begin();
        let mut no_wait;
        let deadline = match writer.may_wait_here() {
            true => deadline,
            false => {
                no_wait = Deadline::no_wait();
                &mut no_wait
            }
        };
        let writer = ptr::from_ref(writer).addr();
        let turns = turns.map(|turns| turns.take(writer, deadline));
        Some(Self {
            _turns: turns.collect::<Option<_>>()?,
            _busy: busy,
        })
    }
}

impl Turns {
    /// Waits until no other thread sends records of the hold by this writer. Returns `None` if the deadline does not
    /// allow that.
    ///
    /// A thread that may not wait for room waits for others that may not either: these make no pause.
    fn take(&self, writer: usize, deadline: &mut Deadline) -> Option<Sending<'_>> {
        let turn = self.0.own(|_| Turn::default());
        let mut senders = ignore_poison(turn.senders.lock());
        while let Some(other) = senders.iter().find(|other| other.writer == writer) {
            senders = match deadline.remaining() {
                None if other.may_wait => return None,
                None | Some(Duration::MAX) => ignore_poison(turn.ended.wait(senders)),
                Some(left) => ignore_poison(turn.ended.wait_timeout(senders, left)).0,
            };
        }
        let may_wait = deadline.remaining().is_some();
        senders.push(Sender { writer, may_wait });
        drop(senders);
        Some(Sending { turn, writer })
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        ignore_poison(self.turn.senders.lock()).retain(|sender| sender.writer != self.writer);
        // All of them: the first may give up at this moment.
        self.turn.ended.notify_all();
    }
}

/// Code under the lock leaves the value whole even if it panics.
fn ignore_poison<G>(result: Result<G, PoisonError<G>>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}
