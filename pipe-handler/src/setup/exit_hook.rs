//! The end of the process, as far as it can be seen: `return` from main and `exit`.

use std::sync::{Mutex, Once, Weak};

use crate::record::Outlet;

static OUTLETS: Mutex<Vec<Weak<Outlet>>> = Mutex::new(Vec::new());

/// Has the outlet closed when the process exits.
pub(crate) fn close_at_exit(outlet: Weak<Outlet>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: the hook is a function of this program, or of a library that the C library runs it for before it is
        // unloaded.
        let _full = unsafe { libc::atexit(close_all) };
    });
    if let Ok(mut outlets) = OUTLETS.lock() {
        outlets.retain(|outlet| outlet.strong_count() > 0);
        outlets.push(outlet);
    }
}

extern "C" fn close_all() {
    // Held only while a handler is being built: in another thread right now, or in one that a fork left behind.
    let Ok(outlets) = OUTLETS.try_lock() else {
        return;
    };
    for outlet in outlets.iter().filter_map(Weak::upgrade) {
        outlet.close_at_exit();
    }
}
