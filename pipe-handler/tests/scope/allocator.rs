//! An allocator that logs, while scopes keep records and send them.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::OnceLock,
};

use log::Level::{Debug, Error, Info};
use pipe_handler::{HoldBack, PipeHandler, scope};

use crate::support::{Piped, log_to};

/// The system's allocator. It logs each of its calls in a thread that asks for it.
pub(crate) struct Logs;

static HANDLER: OnceLock<PipeHandler> = OnceLock::new();

thread_local! {
    static IS_LOGGED: Cell<bool> = const { Cell::new(false) };
}

fn note() {
    // Its own records allocate too, and are not logged.
    if IS_LOGGED.replace(false) {
        if let Some(handler) = HANDLER.get() {
            log_to(handler, Debug, "allocator");
        }
        IS_LOGGED.set(true);
    }
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Logs {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: as required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note();
        // SAFETY: as required of the caller.
        unsafe { System.dealloc(place, layout) }
    }
}

#[test]
fn an_allocator_may_log_while_records_are_kept_and_sent() {
    let Piped { handler, reader } = Piped::new();
    let handler = HANDLER.get_or_init(|| handler);
    let hold_back = HoldBack::below(Info).keep(8 * 1024).total(64 << 20);
    IS_LOGGED.set(true);
    for _ in 0..20 {
        let scope = scope!(a = 1).hold_back(hold_back).group(8 * 1024);
        scope.in_scope(|| {
            for _ in 0..100 {
                log_to(handler, Debug, "kept");
                log_to(handler, Info, "grouped");
            }
            log_to(handler, Error, "failed");
        });
    }
    IS_LOGGED.set(false);
    let counts = handler.close().expect("a close");
    assert!(counts.sent >= 20 * 101 && counts.dropped == 0, "{counts:?}");
    // The handler lives as long as the process, and so does its reader.
    drop(reader);
}
