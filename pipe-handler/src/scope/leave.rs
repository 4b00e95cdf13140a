//! How a thread leaves scopes, in whatever order it has entered them.

use std::mem;

use super::stack::{Entry, EntryId, Leave, OF_A_TASK, Stack};

/// Entries that were left and are still to be dropped.
#[expect(dead_code, reason = "they are only dropped")]
pub(super) struct Left {
    last: Option<Entry>,
    more: Vec<Vec<Entry>>,
}

impl Stack {
    pub(super) fn leave(&mut self, id: EntryId, how: Leave) -> Left {
        if let Some(own) = self.pop(id) {
            return Left {
                last: Some(own),
                more: Vec::new(),
            };
        }
        let left = match self.position_suspended(id) {
            Some(at) => self.leave_replaced(at, how),
            None => self.leave_pushed(id, how),
        };
        self.changed();
        Left {
            last: None,
            more: left,
        }
    }

    /// Removes the last entry if it has this id and no other has it, which is the usual case.
    fn pop(&mut self, id: EntryId) -> Option<Entry> {
        let has_id = |entry: &&Entry| entry.id == id;
        let outer = self.entries.len().checked_sub(2);
        let is_alone = outer.is_none_or(|outer| !has_id(&&self.entries[outer]));
        self.entries.last().filter(has_id).filter(|_| is_alone)?;
        let last = self.entries.pop();
        self.changed();
        last
    }

    pub(super) fn position_suspended(&self, id: EntryId) -> Option<usize> {
        self.suspended.iter().rposition(|(own, _)| *own == id)
    }

    fn leave_replaced(&mut self, at: usize, how: Leave) -> Vec<Vec<Entry>> {
        if how == Leave::WithInner {
            let (own, mut left) = self.restore(at);
            left.push(own);
            return left;
        }
        let (_, outer) = self.suspended.remove(at);
        // Its entries are the present ones, or were replaced again.
        let later = self.suspended.get_mut(at).map(|later| &mut later.1);
        let entries = later.unwrap_or(&mut self.entries);
        let brought = entries.iter().take_while(|entry| entry.id == OF_A_TASK);
        let entered_after = entries.split_off(brought.count());
        let own = mem::replace(entries, outer);
        entries.extend(entered_after);
        vec![own]
    }

    /// Restores the entries that were suspended at this position. Returns those that had replaced them, and all that
    /// were entered in their place.
    pub(super) fn restore(&mut self, at: usize) -> (Vec<Entry>, Vec<Vec<Entry>>) {
        // Usually it is the last one, and this allocates nothing.
        let mut replaced: Vec<_> = self
            .suspended
            .drain(at + 1..)
            .map(|later| later.1)
            .collect();
        let (_, outer) = self.suspended.pop().expect("a position in the list");
        let innermost = mem::replace(&mut self.entries, outer);
        self.changed();
        match replaced.is_empty() {
            true => (innermost, replaced),
            false => {
                let own = replaced.remove(0);
                replaced.push(innermost);
                (own, replaced)
            }
        }
    }

    fn leave_pushed(&mut self, id: EntryId, how: Leave) -> Vec<Vec<Entry>> {
        let first_of = |entries: &[Entry]| entries.iter().position(|entry| entry.id == id);
        if let Some(first) = first_of(&self.entries) {
            return vec![take(&mut self.entries, first, id, how)];
        }
        let suspended = self
            .suspended
            .iter()
            .rposition(|(_, entries)| first_of(entries).is_some());
        let Some(at) = suspended else {
            return Vec::new();
        };
        let first = first_of(&self.suspended[at].1).unwrap_or_default();
        let mut left = Vec::new();
        let entries = match how {
            Leave::Alone => &mut self.suspended[at].1,
            Leave::WithInner => {
                let (own, others) = self.restore(at);
                left = others;
                left.push(own);
                &mut self.entries
            }
        };
        left.push(take(entries, first, id, how));
        left
    }
}

/// Removes the entries with this id, and the later ones if those are left too.
fn take(entries: &mut Vec<Entry>, first: usize, id: EntryId, how: Leave) -> Vec<Entry> {
    let own = entries[first..].iter().take_while(|entry| entry.id == id);
    let end = match how {
        Leave::WithInner => entries.len(),
        Leave::Alone => first + own.count(),
    };
    entries.drain(first..end).collect()
}
