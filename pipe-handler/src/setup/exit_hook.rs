//! Closes the handlers when the process ends by `return` from main or by `exit`, the two ends at which hooks run.

use std::sync::{
    Mutex, Weak,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use crate::record::RecordWriter;

static WRITERS: Mutex<Vec<Weak<RecordWriter>>> = Mutex::new(Vec::new());

/// Closes the writer when the process exits.
#[expect(
    unsafe_code,
    reason = "atexit has no safe wrapper in std or rustix; the hook is a function of this program"
)]
pub(crate) fn close_at_exit(writer: Weak<RecordWriter>) {
    static IS_HOOKED: AtomicBool = AtomicBool::new(false);
    if !IS_HOOKED.load(Relaxed) {
        // SAFETY: the hook is a function of this program. If it is part of a library, the C library runs it before it
        // unloads that library.
        let _error = unsafe { libc::atexit(close_all) };
        // Relaxed, and not a `Once`, which a fork could leave half done: a second hook finds everything closed.
        IS_HOOKED.store(true, Relaxed);
    }
    if let Ok(mut writers) = WRITERS.lock() {
        writers.retain(|writer| writer.strong_count() > 0);
        writers.push(writer);
    }
}

extern "C" fn close_all() {
    // The lock is held only while a handler is built: by another thread at this moment, or for ever if this process was
    // forked in such a moment.
    let Ok(writers) = WRITERS.try_lock() else {
        return;
    };
    for writer in writers.iter().filter_map(Weak::upgrade) {
        writer.close_at_exit();
    }
}
