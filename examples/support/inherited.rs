//! What a program inherits from whoever started it, and could cost it its output.

use std::{io, mem::MaybeUninit, ptr, sync::Arc};

use libc::c_int;
use signal_hook::flag;

/// Lets a write beyond the limit of file sizes fail instead of killing this process, and lets exits of children be told
/// although SIGCHLD was ignored.
///
/// With handlers that do nothing: a child inherits that a signal is ignored, but it inherits no handler.
///
/// # Errors
///
/// If a handler cannot be set.
pub(crate) fn settle() -> io::Result<()> {
    if !is_ignored(libc::SIGXFSZ) {
        flag::register(libc::SIGXFSZ, Arc::default())?;
    }
    if is_ignored(libc::SIGCHLD) {
        flag::register(libc::SIGCHLD, Arc::default())?;
    }
    Ok(())
}

/// Whether this process ignores a signal: as it was started, until a handler is set.
pub(crate) fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call changes nothing, and writes to a struct of its own type.
    if unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the call has succeeded, and so has written it.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
