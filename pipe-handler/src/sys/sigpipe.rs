//! SIGPIPE, which by default kills a process that writes to a pipe without a reader.
//!
//! Rust programs ignore the signal from the start. Other programs do not, and a program may change that at any time,
//! so the disposition is queried for each write. This is used only if the kernel has no writes that raise no signal.

#![expect(
    unsafe_code,
    reason = "the calls on signals have no safe wrappers in std or rustix; they take pointers to values on the stack"
)]

use std::{mem, os::fd::BorrowedFd, ptr};

use rustix::io::Errno;

pub(crate) fn prepare(_: BorrowedFd<'_>) {}

/// Runs `write` so that a SIGPIPE that it raises neither ends the process nor runs a handler of the program, and
/// leaves this thread's signal mask and pending signals as they were.
///
/// That is one system call in addition to the write if the program ignores the signal, and three otherwise. The
/// disposition is queried for each write, because the program may change it at any time. A write of 100 bytes takes
/// 150 ns by itself, 260 ns in this way if the signal is ignored and 415 ns otherwise, and 180 ns by pwritev2 with
/// RWF_NOSIGNAL (`cargo test --release -p pipe-handler --lib what_a_write_costs -- --ignored --nocapture`).
///
/// There are two exceptions. Both need a program that ignores the signal at the query, and a pipe without a reader.
///
/// - If another thread changes the disposition between the query and the end of the write, which may wait for room,
///   the signal has its new effect: the default action ends the process, a handler runs.
/// - If the program also blocks the signal in this thread, a SIGPIPE that was pending for this thread before the
///   write is consumed too, because the system merges it with that of the write.
pub(crate) fn without<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if !is_ignored() {
        return while_blocked(write);
    }
    let written = write();
    // Linux keeps the signal pending although it is ignored if this thread blocks it, and would deliver it if the
    // program stopped ignoring it and then unblocked it. Only signals that this thread blocks count as pending.
    if matches!(written, Err(Errno::PIPE)) && is_pending() {
        consume();
    }
    written
}

/// Returns whether this process ignores SIGPIPE; `false` if a sandbox refuses the call.
fn is_ignored() -> bool {
    // SAFETY: an action consists of integers and pointers, which may be 0.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: the first pointer is null, so nothing is changed; the second is to an action, which this call fills in.
    let refused = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), &mut action) };
    refused == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Blocks SIGPIPE in this thread, which is the one that would get it, during `write`, and consumes the signal that
/// the write raised.
pub(crate) fn while_blocked<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    let before = change_mask(libc::SIG_BLOCK, &sigpipe());
    let was_blocked = contains_sigpipe(&before);
    // A signal that was pending before the write is for the program.
    let is_ours = !was_blocked || !is_pending();
    let written = write();
    if is_ours && matches!(written, Err(Errno::PIPE)) {
        consume();
    }
    if !was_blocked {
        change_mask(libc::SIG_SETMASK, &before);
    }
    written
}

fn sigpipe() -> libc::sigset_t {
    // SAFETY: a signal set consists of integers.
    let mut set = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a signal set, which this call fills in.
    unsafe { libc::sigemptyset(&mut set) };
    // SAFETY: the set is initialised and the signal exists.
    unsafe { libc::sigaddset(&mut set, libc::SIGPIPE) };
    set
}

fn contains_sigpipe(set: &libc::sigset_t) -> bool {
    // SAFETY: the set is initialised and the signal exists.
    unsafe { libc::sigismember(set, libc::SIGPIPE) == 1 }
}

fn is_pending() -> bool {
    let mut pending = sigpipe();
    // SAFETY: the pointer is to a signal set, which this call overwrites.
    unsafe { libc::sigpending(&mut pending) };
    contains_sigpipe(&pending)
}

/// Changes the mask of this thread and returns the previous one.
pub(crate) fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = *set;
    // SAFETY: both pointers are to signal sets; the call writes the previous mask to the second.
    unsafe { libc::pthread_sigmask(how, set, &mut before) };
    before
}

/// Consumes a pending signal, and does not wait for one. The signal that a write raised is pending for this thread,
/// and is taken before one that is pending for the process.
fn consume() {
    let signal = sigpipe();
    // SAFETY: a time consists of integers.
    let no_wait = unsafe { mem::zeroed() };
    // SAFETY: the set and the time are initialised; a null pointer asks for no information about the signal.
    unsafe { libc::sigtimedwait(&signal, ptr::null_mut(), &no_wait) };
}
