//! The way of a batch through the order of its child into the merge of all.

use std::sync::Arc;

use super::{
    account::ChildKey,
    child::{Batch, Child, Part},
    engine::{Content, Item},
    host::Host,
    merge::Merge,
    reorder::Pushed,
};

/// Content a frame takes in memory beside its bytes, about.
pub(super) const OVERHEAD: usize = 160;

/// Adds a batch of a known child, and hands on all batches that are in order now.
pub(super) fn push_batch(
    host: &mut Host,
    key: ChildKey,
    batch: Batch,
    now: u64,
    merge: &mut Merge<Item>,
) {
    let Host {
        name,
        children,
        pending,
        ..
    } = host;
    let Some(child) = children.get_mut(&key) else {
        return;
    };
    let (sequence, count) = (batch.sequence, batch.last - batch.first + 1);
    pending.begin(sequence, count);
    match child.order.push(batch.first, batch.last, now, batch) {
        Pushed::Waits => {}
        Pushed::Duplicate(_) => {
            child.account.duplicate();
            pending.finish(sequence, count);
        }
        Pushed::Ready(batch) => {
            pending.finish(sequence, take(name, key, child, &batch, merge));
            take_waiting(host, key, merge);
        }
    }
}

/// Gives up the holes that batches wait for since `before`.
pub(super) fn give_up_holes(
    host: &mut Host,
    key: ChildKey,
    before: Option<u64>,
    merge: &mut Merge<Item>,
) {
    while host
        .children
        .get_mut(&key)
        .is_some_and(|child| child.order.give_up(before))
    {
        take_waiting(host, key, merge);
    }
}

/// Hands on the batches that waited and now follow.
pub(super) fn take_waiting(host: &mut Host, key: ChildKey, merge: &mut Merge<Item>) {
    let Host {
        name,
        children,
        pending,
        ..
    } = host;
    let Some(child) = children.get_mut(&key) else {
        return;
    };
    while let Some(batch) = child.order.pop() {
        pending.finish(batch.sequence, take(name, key, child, &batch, merge));
    }
}

/// Hands the frames of a batch to the merge. Returns how many of them are left out.
fn take(
    host: &Arc<str>,
    key: ChildKey,
    child: &mut Child,
    batch: &Batch,
    merge: &mut Merge<Item>,
) -> u64 {
    child.take(batch, |part| {
        let Part {
            frame,
            ordinal,
            key: time,
            fills_hole,
        } = part;
        let bytes = frame.payload().len() + OVERHEAD;
        let item = Item {
            host: Arc::clone(host),
            child: key,
            sequence: batch.sequence,
            redelivered: batch.redelivered,
            content: Content::Frame {
                frame,
                ordinal,
                fills_hole,
            },
        };
        merge.push(time, bytes, item);
    })
}
