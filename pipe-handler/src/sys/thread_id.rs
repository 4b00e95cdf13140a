//! The number by which the system knows a thread.

/// `None` if a sandbox refuses it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: it takes nothing and touches no memory.
    let id = unsafe { libc::syscall(libc::SYS_gettid) };
    u64::try_from(id).ok()
}

#[cfg(target_vendor = "apple")]
pub(crate) fn thread_id() -> Option<u64> {
    let mut id = 0;
    // SAFETY: it points to a place for the number; no thread means this one.
    unsafe { libc::pthread_threadid_np(0, &mut id) };
    Some(id)
}

#[cfg(target_os = "freebsd")]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: it has no conditions.
    let id = unsafe { libc::pthread_getthreadid_np() };
    Some(u64::from(id.cast_unsigned()))
}

#[cfg(target_os = "netbsd")]
pub(crate) fn thread_id() -> Option<u64> {
    // SAFETY: it has no conditions.
    let id = unsafe { libc::_lwp_self() };
    Some(u64::from(id.cast_unsigned()))
}
