//! The end of the process, as far as it can be seen: `return` from main and `exit`.

use std::sync::{Mutex, Once, Weak};

use crate::record::RecordWriter;

static WRITERS: Mutex<Vec<Weak<RecordWriter>>> = Mutex::new(Vec::new());

/// Has the writer closed when the process exits.
pub(crate) fn close_at_exit(writer: Weak<RecordWriter>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: the hook is a function of this program, or of a library that the C library runs it for before it is
        // unloaded.
        let _full = unsafe { libc::atexit(close_all) };
    });
    if let Ok(mut writers) = WRITERS.lock() {
        writers.retain(|writer| writer.strong_count() > 0);
        writers.push(writer);
    }
}

extern "C" fn close_all() {
    // Held only while a handler is being built: in another thread right now, or in one that a fork left behind.
    let Ok(writers) = WRITERS.try_lock() else {
        return;
    };
    for writer in writers.iter().filter_map(Weak::upgrade) {
        writer.close_at_exit();
    }
}
