//! The end of the process, as far as it can be seen: `return` from main and `exit`.

use std::sync::{Mutex, Once, Weak};

use crate::direct::Direct;

static DELIVERIES: Mutex<Vec<Weak<Direct>>> = Mutex::new(Vec::new());

/// Has the delivery closed when the process exits.
pub(crate) fn close_at_exit(delivery: Weak<Direct>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: the hook is a function of this program, which is never unloaded.
        let _full = unsafe { libc::atexit(close_all) };
    });
    if let Ok(mut deliveries) = DELIVERIES.lock() {
        deliveries.retain(|delivery| delivery.strong_count() > 0);
        deliveries.push(delivery);
    }
}

extern "C" fn close_all() {
    // Held only while a handler is being built: in another thread right now, or in one that a fork left behind.
    let Ok(deliveries) = DELIVERIES.try_lock() else {
        return;
    };
    for delivery in deliveries.iter().filter_map(Weak::upgrade) {
        delivery.close(delivery.settings.exit_timeout);
    }
}
