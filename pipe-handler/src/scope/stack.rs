//! `Stack`: the scopes that a thread is in.

use std::{cell::RefCell, mem, sync::Arc};

use record_proto::EncodedPairs;

use super::chunk::OpenChunk;
use super::layer::{self, Layer};
use super::levels::Claim;
use super::state::{self, Busy};

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack::new()) };
}

/// Identifies one entry into a scope among all of its thread.
pub(super) type EntryId = u64;

/// The entries of a task, which are in no thread's stack while the task is not polled, and others that were carried here.
pub(super) const OF_A_TASK: EntryId = 0;

/// The scopes that a thread is in.
pub(super) struct Stack {
    /// The innermost scope is the last.
    pub(super) entries: Vec<Entry>,
    /// The entries that were replaced as a whole, each with the entry that replaced it.
    pub(super) suspended: Vec<(EntryId, Vec<Entry>)>,
    last_id: EntryId,
    /// The values of all scopes, the innermost first, and the version of the values that they were encoded from; 0 if
    /// the entries have changed since.
    pairs: EncodedPairs,
    version: u64,
    /// The chunk that the thread's next kept record is appended to.
    pub(super) open: Option<OpenChunk>,
}

/// One scope that a thread or a task is in.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: EntryId,
    pub(super) layer: Arc<Layer>,
    /// The level of the scope's handler, as long as it is bound.
    _claim: Option<Claim>,
}

/// How an entry is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// With everything that was entered after it, as a closure does.
    WithInner,
    /// By itself: scopes that were entered after it remain, if they are left in another order.
    Alone,
}

/// Runs `f` with the thread's stack. Returns `None` in a thread that is ending, or that is at work on it already.
#[inline]
pub(super) fn with<T>(f: impl FnOnce(&mut Stack) -> T) -> Option<T> {
    let with_stack = |stack: &RefCell<Stack>| {
        let mut stack = stack.try_borrow_mut().ok()?;
        let _busy = Busy::begin();
        Some(f(&mut stack))
    };
    STACK.try_with(with_stack).ok().flatten()
}

/// Enters scopes, the outermost first, in addition to those that the thread is in.
pub(super) fn push(layers: &[Arc<Layer>]) -> EntryId {
    let pushed = with(|stack| {
        let id = stack.next_id();
        let entry = |layer: &Arc<Layer>| Entry::new(id, Arc::clone(layer));
        stack.entries.extend(layers.iter().map(entry));
        stack.changed();
        id
    });
    pushed.unwrap_or(OF_A_TASK)
}

/// Enters scopes in the place of those that the thread is in.
pub(super) fn replace(mut entries: Vec<Entry>) -> EntryId {
    replace_with(&mut entries)
}

/// Enters scopes in the place of those that the thread is in, until [`take_back`].
///
/// If the thread is ending, they stay where they are.
pub(super) fn replace_with(entries: &mut Vec<Entry>) -> EntryId {
    let replaced = with(|stack| {
        let id = stack.next_id();
        let outer = mem::replace(&mut stack.entries, mem::take(entries));
        stack.suspended.push((id, outer));
        stack.changed();
        id
    });
    replaced.unwrap_or(OF_A_TASK)
}

/// Leaves what [`push`] or [`replace`] has entered, unless it was left already.
pub(super) fn leave(id: EntryId, how: Leave) {
    if id != OF_A_TASK {
        // What is left is dropped after the stack is free again: a bound handler may log when it is dropped.
        let _left = with(|stack| stack.leave(id, how));
    }
}

/// Ends a [`replace_with`], and returns the first `depth` of the entries that replaced the others.
pub(super) fn take_back(id: EntryId, depth: usize, entries: &mut Vec<Entry>) {
    if id == OF_A_TASK {
        return;
    }
    let _inner = with(|stack| {
        let at = stack.position_suspended(id)?;
        let (own, left) = stack.restore(at);
        *entries = own;
        let inner = entries.split_off(depth.min(entries.len()));
        Some((inner, left))
    });
}

/// Returns the scopes that the thread is in, the outermost first.
pub(super) fn layers() -> Vec<Arc<Layer>> {
    let layers = with(|stack| {
        stack
            .entries
            .iter()
            .map(|entry| Arc::clone(&entry.layer))
            .collect()
    });
    layers.unwrap_or_default()
}

/// Runs `f` with the encoded values of all scopes that the thread is in. Returns `None` if the thread is at work on them:
/// it may have locked the values.
#[inline]
pub(super) fn with_pairs<T>(f: impl FnOnce(&EncodedPairs) -> T) -> Option<T> {
    if state::is_busy() {
        return None;
    }
    with(|stack| {
        let version = layer::version();
        if stack.version != version {
            stack.encode_pairs(version);
        }
        f(&stack.pairs)
    })
}

impl Stack {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            suspended: Vec::new(),
            last_id: 0,
            pairs: EncodedPairs::new(),
            version: 0,
            open: None,
        }
    }

    /// Returns the innermost scope with a handler, outside of the entry at this position, and whether records go on from
    /// there. A scope that was entered inside itself counts once.
    pub(super) fn handler(&self, outside_of: Option<usize>) -> Option<(usize, Arc<Layer>, bool)> {
        let end = outside_of.unwrap_or(self.entries.len());
        let outer = self.entries.get(..end)?;
        let innermost_first = outer.iter().enumerate().rev();
        let mut once = innermost_first.filter(|(at, _)| !self.is_also_inside(*at));
        let mut bubbles = None;
        once.find_map(|(at, Entry { layer, .. })| {
            bubbles = bubbles.or(layer.bubbles);
            layer.handler.as_ref()?;
            Some((at, Arc::clone(layer), bubbles.unwrap_or(false)))
        })
    }

    /// Whether the scope at this position was entered again inside itself.
    fn is_also_inside(&self, at: usize) -> bool {
        let (layer, inner) = (&self.entries[at].layer, &self.entries[at + 1..]);
        inner.iter().any(|other| Arc::ptr_eq(&other.layer, layer))
    }

    fn next_id(&mut self) -> EntryId {
        self.last_id += 1;
        self.last_id
    }

    /// Call it after each change of the entries.
    pub(super) fn changed(&mut self) {
        self.version = 0;
        state::set_no_values(0);
        // A task that is not polled, and an outer scope, must not hold memory that others may need.
        self.open = None;
        let keeps = self.entries.iter().any(|entry| entry.layer.keeps());
        state::set(!self.entries.is_empty(), keeps);
    }

    #[cold]
    #[inline(never)]
    fn encode_pairs(&mut self, version: u64) {
        self.pairs.clear();
        let innermost_first = self.entries.iter().enumerate().rev();
        for (at, Entry { layer, .. }) in innermost_first {
            // A scope that was entered inside itself has its values once.
            if !self.is_also_inside(at) {
                layer.encode(&mut self.pairs);
            }
        }
        self.version = version;
        if self.pairs.is_empty() {
            state::set_no_values(version);
        }
    }
}

impl Entry {
    pub(super) fn new(id: EntryId, layer: Arc<Layer>) -> Self {
        let claim = layer
            .handler
            .as_ref()
            .map(|handler| Claim::new(handler.level));
        Self {
            id,
            layer,
            _claim: claim,
        }
    }

    /// An entry of a task.
    pub(super) fn of_task(layer: Arc<Layer>) -> Self {
        Self::new(OF_A_TASK, layer)
    }
}
