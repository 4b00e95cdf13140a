//! The signal mask of a thread.

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
