//! Which signals a thread takes.

#[cfg(feature = "buffered")]
use std::mem::MaybeUninit;

/// Runs something that starts a thread, which then takes no signal from its first instruction on: they are for the
/// program, which may wait for them in a thread of its own.
#[cfg(feature = "buffered")]
pub(crate) fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::uninit();
    // SAFETY: it points to a place for a signal set, which this call fills in.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: filled in above.
    let all = unsafe { all.assume_init() };
    let before = change_mask(libc::SIG_SETMASK, &all);
    let started = start();
    change_mask(libc::SIG_SETMASK, &before);
    started
}

/// Returns what the mask of this thread was.
pub(crate) fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *set;
    // SAFETY: both point to signal sets; the old mask is written to the second.
    unsafe { libc::pthread_sigmask(how, set, &mut before) };
    before
}
