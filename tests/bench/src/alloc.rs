//! Counts allocations of the whole process: a runtime has threads of its own.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// The system's allocator. It costs one look at a flag while nothing is counted.
pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Starts counting the allocations of all threads.
pub fn start() {
    COUNT.store(0, Relaxed);
    ON.store(true, Relaxed);
}

/// Returns the number of allocations since the start.
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Stops counting and returns the number of allocations.
pub fn stop() -> u64 {
    ON.store(false, Relaxed);
    count()
}

fn note() {
    if ON.load(Relaxed) {
        COUNT.fetch_add(1, Relaxed);
    }
}

// SAFETY: Everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: As required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: As required of the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: As required of the caller.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: As required of the caller.
        unsafe { System.dealloc(place, layout) }
    }
}
