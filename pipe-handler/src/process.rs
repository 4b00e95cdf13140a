//! Which process this is. Asking the system costs 84 ns a time, so it is remembered, and a fork is noticed.

use std::{
    borrow::Cow,
    path::Path,
    sync::{
        Once,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

static PID: AtomicU32 = AtomicU32::new(0);

/// The process's number; right again after a fork, but not in a process made by a raw `clone`.
pub(crate) fn id() -> u32 {
    PID.load(Relaxed)
}

/// To be called before [`id`].
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        remember();
        // SAFETY: the hook is a function of this program, which is never unloaded, and does what a freshly forked
        // child may do: one system call and one atomic store.
        unsafe { libc::pthread_atfork(None, None, Some(remember_after_fork)) };
    });
}

unsafe extern "C" fn remember_after_fork() {
    remember();
}

fn remember() {
    PID.store(ask(), Relaxed);
}

/// The same, asked of the system: also where another thread is in the middle of `exit`, behind which the C library no longer
/// tells of forks.
pub(crate) fn ask() -> u32 {
    rustix::process::getpid()
        .as_raw_nonzero()
        .get()
        .cast_unsigned()
}

/// The name of the program that was started.
pub(crate) fn name() -> Option<String> {
    let first = std::env::args_os().next();
    let path = first.map(|first| Cow::Owned(first.into()));
    let path: Cow<'_, Path> = path.or_else(|| Some(Cow::Owned(std::env::current_exe().ok()?)))?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}
