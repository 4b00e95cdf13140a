//! Threads that this crate starts take no signal that is meant for the program.

use std::{mem::MaybeUninit, ptr};

/// What a thread brings upon itself, and a filter of system calls upon a thread. Blocked, they would end the process
/// without the handler that a program has for them.
const FAULTS: [libc::c_int; 6] = [
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGSYS,
    libc::SIGTRAP,
];

/// Runs `start` with all signals blocked but faults. A thread that it starts has them blocked from its first
/// instruction to its last: a program that blocks SIGTERM in all of its own threads and waits for it gets it.
#[allow(unsafe_code)]
pub(crate) fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it points to a place for a signal set, which this call fills in.
    unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
    for fault in FAULTS {
        // SAFETY: the set is filled in and the signal exists.
        unsafe { libc::sigdelset(blocked.as_mut_ptr(), fault) };
    }
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let set = (blocked.as_ptr(), before.as_mut_ptr());
    // SAFETY: the first set is filled in; the mask of this thread is written to the second.
    let refused = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set.0, set.1) };
    if refused != 0 {
        return start();
    }
    // SAFETY: the call has filled it in.
    let _restored = Mask(unsafe { before.assume_init() });
    start()
}

/// Becomes this thread's mask when it is dropped.
struct Mask(libc::sigset_t);

impl Drop for Mask {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: it points to a signal set; the mask that was is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, panic::catch_unwind, thread};

    use super::*;

    /// The signals that this thread has blocked, the first one in the lowest bit.
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
