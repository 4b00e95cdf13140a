//! A fence whose whole cost is borne by one side.
//!
//! A thread that logs publishes its record and then looks whether the drain sleeps; the drain says that it will sleep
//! and then looks once more for records. Each must see the other's word if the other has missed its own, for which both
//! need a fence between the two steps. On x86-64 such a fence waits until everything written so far has left the
//! processor's store buffer, 50 ns and more where another core has just read the same memory, for every record.
//! With `membarrier(2)` the side that seldom asks makes all other threads have theirs.

use std::{
    sync::atomic::{
        AtomicBool,
        Ordering::{Relaxed, SeqCst},
        compiler_fence, fence,
    },
    thread,
    time::Duration,
};

/// Whether the system fences the other threads.
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Asks the system for it. In a process that has other threads already this takes some milliseconds, so that it is done
/// before the first record.
pub(crate) fn prepare() {
    if !ASYMMETRIC.load(Relaxed) && system::register() {
        ASYMMETRIC.store(true, SeqCst);
    }
}

/// For the side that asks with every record.
#[inline]
pub(crate) fn light() {
    match ASYMMETRIC.load(Relaxed) {
        true => compiler_fence(SeqCst),
        false => fence(SeqCst),
    }
}

/// For the side that seldom asks.
pub(crate) fn heavy() {
    fence(SeqCst);
    if ASYMMETRIC.load(Relaxed) && !system::fence_others() {
        // A sandbox that came later refuses it: from now on everybody has a fence of its own, and who has not seen that
        // yet has it by the time that this has slept.
        ASYMMETRIC.store(false, SeqCst);
        thread::sleep(Duration::from_millis(1));
    }
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

    pub(super) fn fence_others() -> bool {
        membarrier(PRIVATE_EXPEDITED) == 0
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

    pub(super) fn fence_others() -> bool {
        false
    }
}
