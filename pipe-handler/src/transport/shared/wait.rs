//! Waiting until the parent has read a part of a ring.

use std::{
    ptr,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
        fence,
    },
    thread,
    time::Duration,
};

use record_proto::RingWords;

use crate::transport::{Deadline, Pipe};

/// How long to sleep before the parent is looked for.
const LOOK: Duration = Duration::from_millis(100);

/// How long the tail may stand still before a process without its pipe takes the parent for gone, in looks.
const STILL: u32 = 10;

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waited {
    /// There may be room.
    Moved,
    /// The deadline was too short.
    TooLong,
    /// There is no parent any more.
    Gone,
}

/// Waits until the tail of a ring has moved. `has_room` is asked again after the parent can see that somebody waits.
pub(super) fn for_room(
    ring: RingWords<'_>,
    pipe: &Pipe,
    deadline: &mut Deadline,
    mut has_room: impl FnMut() -> bool,
) -> Waited {
    let mut looks = 0;
    loop {
        let tail = ring.tail.load(Relaxed);
        let Some(left) = deadline.remaining() else {
            return Waited::TooLong;
        };
        ring.waiting.store(1, Relaxed);
        // The parent moves the tail, fences, and looks whether somebody waits: it sees this, or the tail is seen here.
        fence(SeqCst);
        let moved = has_room() || !sleep(ring.tail, tail, left.min(LOOK));
        ring.waiting.store(0, Relaxed);
        if moved || ring.tail.load(Relaxed) != tail {
            return Waited::Moved;
        }
        looks += 1;
        match pipe.has_reader() {
            Some(true) => {}
            Some(false) => return Waited::Gone,
            None if looks >= STILL => return Waited::Gone,
            None => {}
        }
    }
}

/// Sleeps until the word is another, somebody wakes this thread, or the time is over. Returns `false` if the word was
/// another one already.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(
    unsafe_code,
    reason = "the futex is half of a word in shared memory, for which there is no safe form"
)]
fn sleep(word: &AtomicU64, expected: u64, time: Duration) -> bool {
    let low_half = match cfg!(target_endian = "little") {
        true => ptr::from_ref(word).cast::<u32>(),
        // SAFETY: the second half of the word.
        false => unsafe { ptr::from_ref(word).cast::<u32>().add(1) },
    };
    let time = libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
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
            &raw const time,
        )
    };
    if result == 0 {
        return true;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => false,
        Some(libc::ETIMEDOUT | libc::EINTR) => true,
        // A sandbox refuses it.
        _ => {
            thread::yield_now();
            true
        }
    }
}
