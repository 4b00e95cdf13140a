//! The system's number of a thread.

/// Returns the number of this thread, or `None` if a sandbox refuses it.
#[expect(
    unsafe_code,
    reason = "no safe wrapper in std or rustix; that of gettid returns no error if a sandbox refuses it"
)]
pub(crate) fn thread_id() -> Option<u64> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the call takes no arguments and touches no memory.
    let id = unsafe { libc::syscall(libc::SYS_gettid) };
    #[cfg(target_vendor = "apple")]
    let id = {
        let mut id = 0;
        // SAFETY: the pointer is to a variable that takes the number; thread 0 means the calling one.
        unsafe { libc::pthread_threadid_np(0, &mut id) };
        id.cast_signed()
    };
    #[cfg(target_os = "freebsd")]
    // SAFETY: the call has no preconditions.
    let id = unsafe { libc::pthread_getthreadid_np() };
    #[cfg(target_os = "netbsd")]
    // SAFETY: the call has no preconditions.
    let id = unsafe { libc::_lwp_self() };
    u64::try_from(id).ok()
}
