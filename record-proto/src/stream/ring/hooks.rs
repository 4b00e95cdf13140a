//! `Hooks`: what tests change in the looks of a reader, to show what its order rests on. Only builds for tests have them.

use std::{cell::Cell, thread, time::Duration};

/// Changes to the looks that a thread makes.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// The time between two reads of positions.
    pub pause: Duration,
    /// Whether entries that the look may have no predecessors of are held back, as they must be.
    pub holds_back: bool,
}

thread_local! {
    static HOOKS: Cell<Hooks> = const {
        Cell::new(Hooks { pause: Duration::ZERO, holds_back: true })
    };
}

/// Sets the changes for the looks that this thread makes from now on.
pub fn set_hooks(hooks: Hooks) {
    HOOKS.set(hooks);
}

/// Waits between two reads of positions.
pub(super) fn pause() {
    let pause = HOOKS.get().pause;
    if !pause.is_zero() {
        thread::sleep(pause);
    }
}

/// Returns the ticket counter, or one that lets every entry through.
pub(super) fn counter(ticket: u64) -> u64 {
    match HOOKS.get().holds_back {
        true => ticket,
        false => u64::MAX,
    }
}
