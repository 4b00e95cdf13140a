//! The signal mask of a thread.

#[cfg(feature = "buffered")]
use std::mem::MaybeUninit;

/// Runs `start` with all signals blocked, so that a thread that it starts never takes one.
///
/// Signals are for the program, which may wait for them in a thread of its own.
#[cfg(feature = "buffered")]
#[expect(
    unsafe_code,
    reason = "sigfillset has no safe wrapper in std or rustix; it takes a pointer to a value on the stack"
)]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the pointer is to memory for a signal set, which this call fills in.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: filled in above.
    let all = unsafe { all.assume_init() };
    let before = change_mask(libc::SIG_SETMASK, &all);
    let started = start();
    change_mask(libc::SIG_SETMASK, &before);
    started
}

/// Changes the mask of this thread and returns the previous one.
#[expect(
    unsafe_code,
    reason = "pthread_sigmask has no safe wrapper in std or rustix; it takes pointers to values on the stack"
)]
pub(crate) fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *set;
    // SAFETY: both pointers are to signal sets; the call writes the previous mask to the second.
    unsafe { libc::pthread_sigmask(how, set, &mut before) };
    before
}
