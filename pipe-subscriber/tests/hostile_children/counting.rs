//! How much memory is held for each child.
//!
//! `allocation-counter` would count a buffer twice while it grows, which is twice the bound of a record that is joined.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    pin::pin,
};

use crate::CHILDREN;

struct Counting;

thread_local! {
    /// The child that is being polled, whose memory it is. Memory that is allocated for no child counts in the last
    /// slot.
    static CURRENT: Cell<usize> = const { Cell::new(CHILDREN) };
    static LIVE: [Cell<isize>; CHILDREN + 1] = const { [const { Cell::new(0) }; CHILDREN + 1] };
    static PEAK: [Cell<isize>; CHILDREN + 1] = const { [const { Cell::new(0) }; CHILDREN + 1] };
}

fn count(by: isize) {
    let slot = CURRENT.get();
    let live = LIVE.with(|live| {
        live[slot].set(live[slot].get() + by);
        live[slot].get()
    });
    PEAK.with(|peak| peak[slot].set(peak[slot].get().max(live)));
}

// SAFETY: Everything is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: The caller's promises are the same.
        unsafe { System.alloc(layout) }
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

/// Counts all memory that `run` allocates as this child's.
pub(crate) fn counted_for<T>(child: usize, run: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(child);
    let result = run();
    CURRENT.set(before);
    result
}

/// Runs a future and counts all memory that it allocates as this child's.
pub(crate) async fn count_future_for<F: Future>(child: usize, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| counted_for(child, || future.as_mut().poll(cx))).await
}

/// Returns how many bytes are held for a child.
pub(crate) fn held_for(child: usize) -> isize {
    LIVE.with(|live| live[child].get())
}

/// Returns the most bytes that were held for a child at a time.
pub(crate) fn peak_of(child: usize) -> isize {
    PEAK.with(|peak| peak[child].get())
}
