//! SIGPIPE, which by default kills a process that writes to a pipe nobody reads.

use std::{io, mem::MaybeUninit, ptr};

/// Whether writing to a pipe that nobody reads only returns EPIPE.
///
/// Rust programs ignore the signal from the start; a library in a C or Python program finds it at its default.
pub(crate) fn is_ignored() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no new action is given; the old one is written to a place of its type.
    let asked = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    if asked != 0 {
        return false;
    }
    // SAFETY: sigaction returned success and has filled it in.
    let action = unsafe { action.assume_init() };
    action.sa_sigaction == libc::SIG_IGN
}

/// Runs a write with SIGPIPE held back from this thread, and takes back the one that it raised.
pub(crate) fn masked<T>(write: impl FnOnce() -> T) -> T {
    let Ok(sigpipe) = sigpipe_set() else {
        return write();
    };
    // One that was pending before is not ours to take.
    let pending_before = is_pending();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both point to signal sets; the old mask is written to the second.
    let blocked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &sigpipe, before.as_mut_ptr()) };
    let result = write();
    if blocked != 0 {
        return result;
    }
    if !pending_before && is_pending() {
        let mut signal = 0;
        // SAFETY: both point to values of their types. The signal is pending, so this does not wait.
        unsafe { libc::sigwait(&sigpipe, &mut signal) };
    }
    // SAFETY: the old mask was filled in by the call that blocked.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}

fn sigpipe_set() -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it points to a place for a signal set, which this call fills in.
    if unsafe { libc::sigemptyset(set.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the set is initialised and the signal exists.
    if unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled in above.
    Ok(unsafe { set.assume_init() })
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it points to a place for a signal set, which this call fills in.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: filled in above.
    unsafe { libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1 }
}

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

#[cfg(feature = "buffered")]
/// Returns what the mask of this thread was.
fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *set;
    // SAFETY: both point to signal sets; the old mask is written to the second.
    unsafe { libc::pthread_sigmask(how, set, &mut before) };
    before
}
