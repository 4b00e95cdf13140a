//! Sleeping until the parent changes a word of the buffer.

use std::{ptr, sync::atomic::AtomicU64, time::Duration};

use crate::transport::pause;

/// How long to sleep if the system refuses it.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// Sleeps while the lower half of the word is that of `expected`, until somebody wakes this thread or the time is over.
/// Returns `false` if the word was another one from the beginning.
#[expect(
    unsafe_code,
    reason = "the futex is half of a word in shared memory, for which there is no safe form"
)]
pub(super) fn sleep(word: &AtomicU64, expected: u64, time: Duration) -> bool {
    let low_half = match cfg!(target_endian = "little") {
        true => ptr::from_ref(word).cast::<u32>(),
        // SAFETY: the second half of the word.
        false => unsafe { ptr::from_ref(word).cast::<u32>().add(1) },
    };
    let timeout = libc::timespec {
        tv_sec: time.as_secs() as _,
        tv_nsec: time.subsec_nanos() as _,
    };
    // SAFETY: the address is that of an aligned half of a word that lives during the call; the kernel only reads it.
    // Shared, because another process wakes.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            low_half,
            libc::FUTEX_WAIT,
            expected as u32,
            &raw const timeout,
        )
    };
    if result == 0 {
        return true;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => return false,
        Some(libc::ETIMEDOUT | libc::EINTR) => {}
        // By a sandbox.
        _ => pause(REFUSED_PAUSE.min(time)),
    }
    true
}
