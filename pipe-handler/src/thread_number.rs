//! The number by which the system knows a thread, on systems other than Linux.

#[cfg(target_vendor = "apple")]
pub(crate) fn thread_id() -> u64 {
    let mut id = 0;
    // SAFETY: it points to a place for the number; no thread means this one.
    unsafe { libc::pthread_threadid_np(0, &mut id) };
    id
}

#[cfg(target_os = "freebsd")]
pub(crate) fn thread_id() -> u64 {
    // SAFETY: it has no conditions.
    let id = unsafe { libc::pthread_getthreadid_np() };
    u64::from(id.cast_unsigned())
}

#[cfg(target_os = "netbsd")]
pub(crate) fn thread_id() -> u64 {
    // SAFETY: it has no conditions.
    let id = unsafe { libc::_lwp_self() };
    u64::from(id.cast_unsigned())
}
