//! The limits of this process.

/// A limit of the system.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Descriptors,
    #[allow(dead_code, reason = "only a shared buffer asks for it")]
    FileSize,
}

/// Returns the soft limit, or `None` if a sandbox refuses the call.
#[expect(
    unsafe_code,
    reason = "rustix's getrlimit has no error: a limit that a sandbox refuses to tell looks like one that it told"
)]
pub(crate) fn soft_limit(limit: Limit) -> Option<libc::rlim_t> {
    let resource = match limit {
        Limit::Descriptors => libc::RLIMIT_NOFILE,
        Limit::FileSize => libc::RLIMIT_FSIZE,
    };
    let mut found = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: The pointer is to an rlimit on the stack, which the call fills in.
    let refused = unsafe { libc::getrlimit(resource, &raw mut found) };
    (refused == 0).then_some(found.rlim_cur)
}
