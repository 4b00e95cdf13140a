//! The clock of this program: the system's, plus a number of seconds that a test changes.
//!
//! The functions of the standard library that read a clock call `clock_gettime` of the C library. This program has a
//! function of the same name, which the dynamic linker prefers.

use std::{
    mem, ptr,
    sync::atomic::{
        AtomicI64, AtomicPtr, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

type Read = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> libc::c_int;

/// The word with the seconds, as many processes may share it; null: none.
static STEP: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// Lets this word, as a signed number of seconds, be added to all clocks of this process.
pub(crate) fn follow(step: &'static AtomicU64) {
    STEP.store(ptr::from_ref(step).cast_mut(), Release);
}

/// # Safety
///
/// As for the function of the C library: `time` may be written.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    let Some(read) = system() else { return -1 };
    // SAFETY: by the caller's promise.
    let result = unsafe { read(clock, time) };
    // SAFETY: null, or a word that is never unmapped.
    let step = unsafe { STEP.load(Acquire).as_ref() };
    if let (0, Some(step)) = (result, step) {
        // SAFETY: by the caller's promise.
        let time = unsafe { &mut *time };
        time.tv_sec += step.load(Relaxed).cast_signed();
    }
    result
}

/// Returns the function of the C library.
fn system() -> Option<Read> {
    static FOUND: AtomicI64 = AtomicI64::new(0);
    let mut address = FOUND.load(Relaxed);
    if address == 0 {
        // SAFETY: the name ends with a zero byte.
        address = unsafe { libc::dlsym(libc::RTLD_NEXT, c"clock_gettime".as_ptr()) } as i64;
        FOUND.store(address, Relaxed);
    }
    // SAFETY: null, or the address of a function of this type.
    unsafe { mem::transmute::<usize, Option<Read>>(address as usize) }
}
