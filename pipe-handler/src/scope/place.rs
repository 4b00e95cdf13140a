//! Decides whether a record is sent, kept, or makes kept records matter.

use std::sync::Arc;

use record_proto::{BatchReason, Event, LogRecord};

use super::chunk::Item;
use super::hold::{Hold, Verdict};
use super::in_scope::InScope;
use super::layer;
use super::merge::Merge;
use super::stack::{self, Stack};
use super::state;
use super::turn::SendingAll;
use crate::record::{Batch, RecordWriter, Unsent};

/// Logs an event in the scopes that this thread is in. `process` holds records of the whole process back.
#[inline]
pub(crate) fn log(writer: &Arc<RecordWriter>, process: Option<&Arc<Hold>>, event: &impl Event) {
    match state::is_entered() || process.is_some() {
        false => writer.log(event),
        true => log_in_scope(writer, process, event),
    }
}

#[inline(never)]
fn log_in_scope(writer: &Arc<RecordWriter>, process: Option<&Arc<Hold>>, event: &impl Event) {
    match state::has_no_values(layer::version()) {
        true => log_placed(writer, process, event),
        false => log_placed(writer, process, &InScope::new(event)),
    }
}

fn log_placed(writer: &Arc<RecordWriter>, process: Option<&Arc<Hold>>, event: &impl Event) {
    if !state::keeps() && process.is_none() || state::is_busy() {
        return writer.log(event);
    }
    writer.log_placed(event, |unsent| place(writer, process, unsent));
}

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is sent now.
    Sent,
    /// It is kept, or was forgotten because there is no room to keep it.
    Kept,
    /// The records that are held back are sent before it.
    Escalates,
    /// The group of the thread has no room for it.
    Full,
    /// It is kept in a group of the thread, which is to be sent at once: the process ends.
    Last,
}

/// Keeps the record, or sends the records that precede it. Returns whether the record itself is to be sent now.
#[inline]
fn place(writer: &Arc<RecordWriter>, process: Option<&Arc<Hold>>, unsent: &mut Unsent<'_>) -> bool {
    match place_unsent(unsent, |stack, item| stack.place(writer, process, item)) {
        Place::Kept => false,
        Place::Sent => true,
        place => !place_after_others(place, writer, process, unsent),
    }
}

/// Sends the records that precede this one. Returns `false` if the record is to be sent then.
#[cold]
#[inline(never)]
fn place_after_others(
    place: Place,
    writer: &Arc<RecordWriter>,
    process: Option<&Arc<Hold>>,
    unsent: &mut Unsent<'_>,
) -> bool {
    if place == Place::Escalates && !escalate(writer, process, unsent) {
        unsent.drop();
        return true;
    }
    if place == Place::Last {
        send_part(writer, unsent);
        return true;
    }
    for _ in 0..2 {
        match place_unsent(unsent, |stack, item| stack.place_in_group(writer, item)) {
            Place::Kept => return true,
            Place::Full => send_part(writer, unsent),
            Place::Last => {
                send_part(writer, unsent);
                return true;
            }
            _ => return false,
        }
    }
    // It is longer than the group's bound.
    false
}

#[inline]
fn place_unsent(
    unsent: &mut Unsent<'_>,
    place: impl FnOnce(&mut Stack, Item<'_>) -> Place,
) -> Place {
    let (level, time) = (unsent.level, unsent.time());
    let placed = unsent.with_fields(|fields| {
        let item = Item {
            level,
            time,
            fields,
        };
        stack::with(|stack| place(stack, item))
    });
    // If there is no memory for the fields, the record is sent, which counts it as dropped.
    placed.flatten().unwrap_or(Place::Sent)
}

/// Sends the records that the thread's group has so far.
fn send_part(writer: &RecordWriter, unsent: &mut Unsent<'_>) {
    let group = stack::with(|stack| stack.groups().next().map(Arc::clone));
    if let Some(group) = group.flatten() {
        let groups = [group];
        let turns = groups.iter().map(|group| &group.turns);
        // Without a turn, a thread's parts may be sent in another order, which is better than to lose one.
        let _sending = SendingAll::take(turns, writer, unsent.deadline());
        unsent.send_batch(BatchReason::Group, &taken(writer, &groups));
    }
}

/// Sends the records that were held back, or adds them to the group that the thread is in. Returns `false` if another
/// thread is sending records that were held back, and this one may not wait for it.
fn escalate(
    writer: &Arc<RecordWriter>,
    process: Option<&Arc<Hold>>,
    unsent: &mut Unsent<'_>,
) -> bool {
    let level = unsent.level;
    let escalates = |hold: &&Arc<Hold>| hold.verdict(level) == Verdict::Escalate;
    let found = stack::with(|stack| {
        let holds = stack.holds().chain(process).filter(escalates);
        (by_age(holds), stack.groups().next().is_some())
    });
    let (holds, is_in_group) = found.unwrap_or_default();
    let turns = holds.iter().map(|hold| &hold.turns);
    let Some(_sending) = SendingAll::take(turns, writer, unsent.deadline()) else {
        return false;
    };
    holds.iter().for_each(|hold| hold.escalated());
    let batch = taken(writer, &holds);
    match is_in_group {
        false => unsent.send_escalation(&batch),
        true => add_to_group(writer, unsent, &batch),
    }
    true
}

/// Returns each hold once, the oldest first.
fn by_age<'a>(holds: impl Iterator<Item = &'a Arc<Hold>>) -> Vec<Arc<Hold>> {
    let mut holds: Vec<_> = holds.map(Arc::clone).collect();
    holds.sort_by_key(|hold| hold.age());
    holds.dedup_by_key(|hold| hold.age());
    holds
}

fn add_to_group(writer: &Arc<RecordWriter>, unsent: &mut Unsent<'_>, batch: &Batch) {
    for (level, fields) in batch.iter() {
        let time = unsent.time();
        let item = Item {
            level,
            time,
            fields,
        };
        let place = || stack::with(|stack| stack.place_in_group(writer, item));
        let mut placed = place();
        if placed == Some(Place::Full) {
            send_part(writer, unsent);
            placed = place();
        }
        if placed == Some(Place::Last) {
            send_part(writer, unsent);
        } else if placed != Some(Place::Kept) {
            let mut longer_than_the_group = Batch::default();
            longer_than_the_group.push(level, fields);
            unsent.send_batch(BatchReason::Group, &longer_than_the_group);
        }
    }
}

fn taken(writer: &RecordWriter, holds: &[Arc<Hold>]) -> Batch {
    let mut merge = Merge::default();
    for hold in holds {
        hold.take(writer, &mut merge);
    }
    merge.into_batch()
}

/// Returns the record of a panic with the values of the thread's scopes, and sends the records that these keep.
pub(crate) fn escalate_panic<'r>(
    writer: &RecordWriter,
    process: Option<&Arc<Hold>>,
    mut record: LogRecord<'r>,
) -> LogRecord<'r> {
    if !state::is_entered() && process.is_none() || state::is_busy() {
        return record;
    }
    if let Some(values) = stack::with_pairs(|pairs| pairs.to_key_values()) {
        record.key_values.extend(values.iter());
    }
    let kept = stack::with(|stack| {
        let groups: Vec<_> = stack.groups().map(Arc::clone).collect();
        (groups, by_age(stack.holds().chain(process)))
    });
    let (groups, holds) = kept.unwrap_or_default();
    // The outermost first.
    for group in groups.chunks(1).rev() {
        let batch = taken(writer, group);
        writer.send_batch(BatchReason::Group, &batch, record.level);
    }
    let mut deadline = writer.deadline(record.level);
    // Without a turn the record of the panic overtakes some of the others, which is better than to lose it.
    let turns = holds.iter().map(|hold| &hold.turns);
    let sending = SendingAll::take(turns, writer, &mut deadline);
    holds.iter().for_each(|hold| hold.escalated());
    if sending.is_some() {
        let batch = taken(writer, &holds);
        record.seq = writer.send_escalation(&batch, &mut deadline).unwrap_or(0);
    }
    drop(sending);
    record
}

impl Stack {
    /// The holds of the scopes, the innermost first.
    fn holds(&self) -> impl Iterator<Item = &Arc<Hold>> {
        let innermost_first = self.entries.iter().rev();
        innermost_first.filter_map(|entry| entry.layer.hold_back.as_ref())
    }

    fn groups(&self) -> impl Iterator<Item = &Arc<Hold>> {
        let innermost_first = self.entries.iter().rev();
        let groups = innermost_first.filter_map(|entry| entry.layer.group.as_ref());
        groups.filter(|group| group.is_of_this_process())
    }

    /// Decides by the holds first: whether a record is sent at all. Then the group: when it is sent.
    #[inline]
    fn place(
        &mut self,
        writer: &Arc<RecordWriter>,
        process: Option<&Arc<Hold>>,
        item: Item<'_>,
    ) -> Place {
        let mut escalates = false;
        let mut keeps = |hold: &Arc<Hold>| match hold.verdict(item.level) {
            Verdict::Keep => {
                if !hold.keep(&mut self.open, writer, item) {
                    writer.count_forgotten(1);
                }
                true
            }
            verdict => {
                escalates |= verdict == Verdict::Escalate;
                false
            }
        };
        for entry in self.entries.iter().rev() {
            if let Some(hold) = &entry.layer.hold_back
                && keeps(hold)
            {
                return Place::Kept;
            }
        }
        if process.is_some_and(keeps) {
            // A thread that logs nothing more must not hold memory that all threads share.
            self.open = None;
            return Place::Kept;
        }
        if escalates {
            return Place::Escalates;
        }
        self.place_in_group(writer, item)
    }

    fn place_in_group(&mut self, writer: &Arc<RecordWriter>, item: Item<'_>) -> Place {
        let innermost_first = self.entries.iter().rev();
        let mut groups = innermost_first.filter_map(|entry| entry.layer.group.as_ref());
        let Some(group) = groups.find(|group| group.is_of_this_process()) else {
            return Place::Sent;
        };
        match group.keep(&mut self.open, writer, item) {
            true if writer.groups_have_ended() => Place::Last,
            true => Place::Kept,
            false => Place::Full,
        }
    }
}
