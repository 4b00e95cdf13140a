//! `Instrumented`: a future in a scope.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::layer::Layer;
use super::stack::{self, Entry, EntryId};

/// A future that is in a scope whenever it is polled or dropped.
///
/// Made by [`Scope::instrument`](crate::Scope::instrument), which has an example.
#[must_use = "futures do nothing unless they are polled"]
pub struct Instrumented<F> {
    entries: Vec<Entry>,
    /// `None` only while it is dropped.
    future: Option<Pin<Box<F>>>,
}

impl<F> Instrumented<F> {
    pub(super) fn new(layers: Vec<Arc<Layer>>, future: F) -> Self {
        Self {
            entries: layers.into_iter().map(Entry::of_task).collect(),
            future: Some(Box::pin(future)),
        }
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { entries, future } = self.get_mut();
        let _entered = Entered::begin(entries);
        let future = future.as_mut().expect("it is there until it is dropped");
        future.as_mut().poll(context)
    }
}

impl<F> Drop for Instrumented<F> {
    fn drop(&mut self) {
        let _entered = Entered::begin(&mut self.entries);
        self.future = None;
    }
}

/// A thread's stack of scopes is replaced by that of a future, until this is dropped.
struct Entered<'a> {
    id: EntryId,
    depth: usize,
    entries: &'a mut Vec<Entry>,
}

impl<'a> Entered<'a> {
    fn begin(entries: &'a mut Vec<Entry>) -> Self {
        let depth = entries.len();
        // Moved, not cloned: a future that is polled costs no counting of references.
        let id = stack::replace_with(entries);
        Self { id, depth, entries }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        stack::take_back(self.id, self.depth, self.entries);
    }
}

impl<F> fmt::Debug for Instrumented<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumented").finish_non_exhaustive()
    }
}
