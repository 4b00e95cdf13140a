//! A memory fence whose whole cost is on one side.
//!
//! A thread that logs publishes its record and then checks whether the drain sleeps. The drain announces that it will
//! sleep and then looks for records once more. At least one of them must see the other's store, which needs a fence
//! between the two steps on both sides. On x86-64 such a fence waits until the processor's store buffer is empty: 50 ns
//! or more for every record if another core has just read the same memory. With `membarrier(2)` the drain, which sleeps
//! seldom, executes the fence for all other threads.

use std::{
    sync::atomic::{
        AtomicBool,
        Ordering::{Relaxed, SeqCst},
        compiler_fence, fence,
    },
    thread,
    time::Duration,
};

/// Whether [`heavy`] also fences the other threads.
///
/// Relaxed loads suffice: a thread that sees an old `false` makes a fence of its own, and for an old `true` see
/// [`heavy`].
static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

/// Registers the process for it. This takes some milliseconds if the process already has other threads, so it is done
/// before the first record.
pub(crate) fn prepare() {
    if !ASYMMETRIC.load(Relaxed) && system::register() {
        ASYMMETRIC.store(true, SeqCst);
    }
}

/// The fence of the side that needs one for every record.
#[inline]
pub(crate) fn light() {
    match ASYMMETRIC.load(Relaxed) {
        true => compiler_fence(SeqCst),
        false => fence(SeqCst),
    }
}

/// The fence of the side that seldom needs one.
pub(crate) fn heavy() {
    fence(SeqCst);
    if ASYMMETRIC.load(Relaxed) && !system::fence_others() {
        // A sandbox that was set up later refuses it. From now on each side makes its own fence; the sleep is long
        // enough for the other threads to see the new value.
        ASYMMETRIC.store(false, SeqCst);
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(target_os = "linux")]
mod system {
    // include/uapi/linux/membarrier.h
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// Fails before Linux 4.14, and in sandboxes that refuse the call.
    pub(super) fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED) == 0
    }

    pub(super) fn fence_others() -> bool {
        membarrier(PRIVATE_EXPEDITED) == 0
    }

    #[expect(
        unsafe_code,
        reason = "neither the standard library nor rustix has membarrier; it takes two numbers and touches no memory"
    )]
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
