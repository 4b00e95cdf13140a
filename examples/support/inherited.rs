//! Settings that a program inherits from its parent and that could cost it its output.

use std::{io, mem::MaybeUninit, ptr, sync::Arc};

use libc::c_int;
use signal_hook::flag;

/// Sets handlers that do nothing for two signals. A write beyond the limit of file sizes (SIGXFSZ) then fails instead of
/// killing this process, and the exits of children are reported even if SIGCHLD was ignored.
///
/// Ignoring SIGXFSZ would do too, but a child inherits ignored signals. It inherits no handler.
///
/// # Errors
///
/// If a handler cannot be set.
pub(crate) fn install_handlers() -> io::Result<()> {
    if !is_ignored(libc::SIGXFSZ) {
        flag::register(libc::SIGXFSZ, Arc::default())?;
    }
    if is_ignored(libc::SIGCHLD) {
        flag::register(libc::SIGCHLD, Arc::default())?;
    }
    Ok(())
}

/// Returns whether this process ignores a signal. Until a handler is set, this is the state that it was started with.
pub(crate) fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the new action is null, so the call changes nothing; it writes the old one to a struct of the right type.
    if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call has succeeded, so it has written the struct.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
