//! Closes the handlers when the process ends by `return` from main or by `exit`, the two ends at which hooks run.

use std::sync::{Mutex, Weak};

use crate::record::RecordWriter;

/// `None` until the hook is installed.
static WRITERS: Mutex<Option<Vec<Weak<RecordWriter>>>> = Mutex::new(None);

/// Closes the writer when the process exits.
#[expect(
    unsafe_code,
    reason = "atexit has no safe wrapper in std or rustix; the hook is a function of this program"
)]
pub(crate) fn close_at_exit(writer: Weak<RecordWriter>) {
    let Ok(mut writers) = WRITERS.lock() else {
        return;
    };
    let writers = writers.get_or_insert_with(|| {
        // SAFETY: the hook is a function of this program. If it is part of a library, the C library runs it before it
        // unloads that library.
        let _error = unsafe { libc::atexit(close_all) };
        Vec::new()
    });
    writers.retain(|writer| writer.strong_count() > 0);
    writers.push(writer);
}

extern "C" fn close_all() {
    // The lock is held only while a handler is built: by another thread at this moment, or for ever if this process was
    // forked in such a moment.
    let Ok(writers) = WRITERS.try_lock() else {
        return;
    };
    for writer in writers.iter().flatten().filter_map(Weak::upgrade) {
        writer.close_at_exit();
    }
}
