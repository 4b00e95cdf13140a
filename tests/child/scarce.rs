//! Logging while only small allocations succeed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fmt, io, ptr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use crate::tools::{init, pattern};

/// The system's allocator, which refuses everything larger than [`LIMIT`].
struct Scarce;

static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

#[global_allocator]
static ALLOCATOR: Scarce = Scarce;

// SAFETY: it hands out what the system's allocator does, or nothing.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LIMIT.load(Relaxed) {
            return ptr::null_mut();
        }
        // SAFETY: the caller keeps to the same conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > LIMIT.load(Relaxed) {
            return ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Writes a long text in short pieces.
struct Long<'a>(&'a str);

impl fmt::Display for Long<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pieces, rest) = self.0.as_bytes().as_chunks::<100>();
        for piece in pieces {
            f.write_str(str::from_utf8(piece).expect("letters"))?;
        }
        f.write_str(str::from_utf8(rest).expect("letters"))
    }
}

/// Logs messages of `size` bytes in every way while no allocation may be larger than the limit.
pub(crate) fn log_with(limit: usize, size: usize) {
    init();
    let text = pattern(size, 0);
    let error = io::Error::other(text.clone());
    log::info!(n = 0; "plenty");
    LIMIT.store(limit, Relaxed);
    log::info!(n = 1; "{}", Long(&text));
    log::info!(n = 2; "{text}");
    log::info!(n = 3, text:% = Long(&text); "key-value");
    log::info!(n = 4, text:%; "key-value in one piece");
    log::info!(n = 5, text; "key-value as it is");
    log::info!(n = 6, error:err; "error");
    log::info!(n = 7; "short");
    let other = thread::spawn(|| (8..18).for_each(|n| log::info!(n; "of another thread")));
    other.join().expect("no panic");
    LIMIT.store(usize::MAX, Relaxed);
    log::info!(n = 18; "{text}");
}
