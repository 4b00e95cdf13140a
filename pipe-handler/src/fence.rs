//! A fence whose whole cost is borne by one side.
//!
//! A thread that logs publishes its record and then looks whether the drain sleeps; the drain says that it will sleep
//! and then looks once more for records. Each must see the other's word if the other has missed its own, for which both
//! need a fence between the two steps. On x86-64 such a fence waits until everything written so far has left the
//! processor's store buffer, 50 ns and more where another core has just read the same memory, for every record.
//! With `membarrier(2)` the side that seldom asks makes all other threads have theirs.

use std::sync::{
    OnceLock,
    atomic::{Ordering::SeqCst, compiler_fence, fence},
};

/// For the side that asks with every record.
#[inline]
pub(crate) fn light() {
    match is_asymmetric() {
        true => compiler_fence(SeqCst),
        false => fence(SeqCst),
    }
}

/// For the side that seldom asks.
pub(crate) fn heavy() {
    fence(SeqCst);
    if is_asymmetric() {
        system::make_others_fence();
    }
}

/// Whether the system knows it; asked once.
#[inline]
fn is_asymmetric() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(system::register)
}

#[cfg(target_os = "linux")]
mod system {
    // include/uapi/linux/membarrier.h
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// Before Linux 4.14, and in sandboxes that filter system calls, it is refused.
    pub(super) fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED) == 0
    }

    pub(super) fn make_others_fence() {
        let made = membarrier(PRIVATE_EXPEDITED);
        debug_assert_eq!(made, 0, "a process that is registered is not refused");
    }

    fn membarrier(command: libc::c_int) -> libc::c_long {
        // SAFETY: the call takes two numbers and touches no memory.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0) }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn make_others_fence() {}
}
