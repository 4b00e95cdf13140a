//! Prints the signals that it gets, and exits with 7 at SIGTERM.

use std::{mem::MaybeUninit, process, ptr};

use libc::{SIGHUP, SIGINT, SIGTERM, c_int, sigset_t};

use crate::tools::say;

pub(crate) fn listen() {
    let signals = blocked();
    say("ready");
    loop {
        let mut signal: c_int = 0;
        // SAFETY: both are there and were written before.
        unsafe { libc::sigwait(&signals, &mut signal) };
        match signal {
            SIGHUP => say("HUP"),
            SIGINT => say("INT"),
            _ => {
                say("TERM");
                process::exit(7);
            }
        }
    }
}

/// Blocks the signals, so that they wait for `sigwait`, and returns their set.
fn blocked() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: it writes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        // SAFETY: the set was written, and these are signals.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set was written.
    let set = unsafe { set.assume_init() };
    // SAFETY: the old mask is not wanted.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) };
    set
}
