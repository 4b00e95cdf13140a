//! The system's number of a thread.

/// Returns the number of this thread, or `None` if a sandbox refuses it.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    unsafe_code,
    reason = "rustix returns no error if a sandbox refuses gettid"
)]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: the call takes no arguments and touches no memory.
    let id = unsafe { libc::syscall(libc::SYS_gettid) };
    u64::try_from(id).ok()
}

#[cfg(target_vendor = "apple")]
#[expect(
    unsafe_code,
    reason = "pthread_threadid_np has no safe wrapper in std or rustix"
)]
pub(crate) fn thread_id() -> Option<u64> {
    let mut id = 0;
    // SAFETY: the pointer is to a variable that takes the number; thread 0 means the calling one.
    unsafe { libc::pthread_threadid_np(0, &mut id) };
    Some(id)
}

#[cfg(target_os = "freebsd")]
#[expect(
    unsafe_code,
    reason = "pthread_getthreadid_np has no safe wrapper in std or rustix"
)]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: the call has no preconditions.
    let id = unsafe { libc::pthread_getthreadid_np() };
    Some(u64::from(id.cast_unsigned()))
}

#[cfg(target_os = "netbsd")]
#[expect(unsafe_code, reason = "_lwp_self has no safe wrapper in std or rustix")]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: the call has no preconditions.
    let id = unsafe { libc::_lwp_self() };
    Some(u64::from(id.cast_unsigned()))
}
