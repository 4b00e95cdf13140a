//! Blocks signals in the threads that this crate starts, so that they take none that is meant for the program.

use std::{mem::MaybeUninit, ptr};

/// The signals that are not blocked: those that a thread's own instructions cause, and SIGSYS, which a filter of system
/// calls sends to the thread.
///
/// If one of them is blocked when it occurs, the system ends the process without calling the program's handler.
const FAULTS: [libc::c_int; 6] = [
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Runs `start` with all signals except [`FAULTS`] blocked in this thread, and restores the mask afterwards.
///
/// A thread inherits the mask of the thread that starts it. So a thread that `start` starts has the signals blocked
/// from its first instruction to its last, and a program that blocks SIGTERM in all of its own threads and waits for it
/// gets it.
///
/// If the system refuses the mask, `start` runs with the mask unchanged.
#[expect(
    unsafe_code,
    reason = "sigfillset, sigdelset and pthread_sigmask have no safe form; each takes pointers to values on the stack. \
              Used only if a thread is started"
)]
pub(crate) fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a signal set on the stack, which this call initialises.
    unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
    for fault in FAULTS {
        // SAFETY: the set is initialised and the signal exists.
        unsafe { libc::sigdelset(blocked.as_mut_ptr(), fault) };
    }
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let (blocked, old_mask) = (blocked.as_ptr(), before.as_mut_ptr());
    // SAFETY: `blocked` points to an initialised set; `old_mask` points to a set that the call initialises.
    let refused = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, blocked, old_mask) };
    if refused != 0 {
        return start();
    }
    // SAFETY: the call succeeded, so it has initialised the set.
    let _restored_on_drop = RestoredMask(unsafe { before.assume_init() });
    start()
}

/// A mask that becomes this thread's mask when it is dropped, so that a panic of `start` restores it too.
struct RestoredMask(libc::sigset_t);

impl Drop for RestoredMask {
    #[expect(
        unsafe_code,
        reason = "pthread_sigmask has no safe form; it takes a pointer to a value on the stack"
    )]
    fn drop(&mut self) {
        // SAFETY: the pointer is to an initialised set; a null pointer means that the old mask is not wanted.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, panic::catch_unwind, thread};

    use super::*;

    /// Returns the signals that this thread has blocked; signal 1 is the lowest bit.
    fn blocked() -> u64 {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        u64::from_str_radix(mask.unwrap().trim(), 16).unwrap()
    }

    #[test]
    fn a_thread_that_is_started_within_takes_no_signal_of_the_programs() {
        let before = blocked();
        let thread = with_signals_blocked(|| thread::spawn(blocked));
        assert_eq!(blocked(), before, "this thread takes them as before");
        let mask = thread.join().unwrap();
        let is_blocked = |signal: i32| (mask >> (signal - 1)) & 1 == 1;
        for signal in 1..libc::SIGRTMAX() {
            // The C library keeps two for itself; nothing blocks KILL and STOP.
            let free = FAULTS.contains(&signal)
                || [libc::SIGKILL, libc::SIGSTOP, 32, 33, 34].contains(&signal);
            assert!(free || is_blocked(signal), "{signal}: {mask:x}");
            assert!(
                !FAULTS.contains(&signal) || !is_blocked(signal),
                "{signal}: {mask:x}"
            );
        }
    }

    #[test]
    fn a_panic_within_restores_the_mask_too() {
        let before = blocked();
        catch_unwind(|| with_signals_blocked(|| panic!("to be caught"))).unwrap_err();
        assert_eq!(blocked(), before);
    }
}
