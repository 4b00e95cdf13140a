//! A limit on the memory that a piece of code may hold. An allocation beyond it ends the process.
//!
//! A crate that counts would only tell afterwards, when a payload that asks for gigabytes has had them.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    process,
};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static CEILING: Cell<isize> = const { Cell::new(isize::MAX) };
}

/// Runs `run`, which may hold at most this many bytes at any time.
pub fn at_most<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    let ceiling = LIVE.get() + isize::try_from(bytes).expect("a ceiling");
    let outer = CEILING.replace(ceiling);
    let result = run();
    CEILING.set(outer);
    result
}

/// Returns the bytes that `run` leaves allocated, and its result.
pub fn kept_by<T>(run: impl FnOnce() -> T) -> (isize, T) {
    let before = LIVE.get();
    let result = run();
    (LIVE.get() - before, result)
}

fn count(by: isize) {
    let live = LIVE.get() + by;
    LIVE.set(live);
    if live > CEILING.get() {
        exceeded(live, by);
    }
}

#[cold]
fn exceeded(live: isize, by: isize) {
    let ceiling = CEILING.replace(isize::MAX);
    eprintln!(
        "memory: {by} bytes more are {} beyond the ceiling",
        live - ceiling
    );
    process::abort();
}

// SAFETY: Everything is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: The caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: The caller's promises are the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: The caller's promises are the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: The caller's promises are the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
