//! A memory barrier in all threads of this process, for the side of a pair that runs rarely.
//!
//! The other side then needs only a barrier for the compiler.

/// Registers this process. Returns `false` if the system has no such barrier: both sides then need a fence.
pub(crate) fn register() -> bool {
    call(REGISTER)
}

/// Executes a full fence in each running thread of this process. To be called after a successful [`register`]. Returns
/// `false` if a sandbox refuses it since.
pub(crate) fn all_threads() -> bool {
    call(BARRIER)
}

/// Lets other processes execute a full fence in each running thread of this one. Returns `false` if the system has no
/// such barrier.
pub(crate) fn register_for_others() -> bool {
    call(REGISTER_GLOBAL)
}

// linux/membarrier.h: MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED and
// MEMBARRIER_CMD_PRIVATE_EXPEDITED.
const REGISTER_GLOBAL: libc::c_int = 1 << 2;
const REGISTER: libc::c_int = 1 << 4;
const BARRIER: libc::c_int = 1 << 3;

#[expect(
    unsafe_code,
    reason = "membarrier has no safe form in std or rustix's stable features"
)]
fn call(command: libc::c_int) -> bool {
    // SAFETY: the call takes no pointers, and changes nothing but the order of memory accesses.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
