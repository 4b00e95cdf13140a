//! Memory is counted where a target asks for it, and too much of it ends the process.

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

/// Whatever `run` holds at any time beyond what is held now must stay within so many bytes.
pub fn at_most<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    let ceiling = LIVE.get() + isize::try_from(bytes).expect("a ceiling");
    let outer = CEILING.replace(ceiling);
    let result = run();
    CEILING.set(outer);
    result
}

/// The bytes that `run` leaves allocated, with its result.
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
