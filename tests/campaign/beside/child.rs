//! The children: an honest one, a hostile one, and one that is busy.

use std::{
    io::{self, Read},
    os::fd::{FromRawFd, OwnedFd},
    process, ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use pipe_handler::{Delivery, PipeHandler};
use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::{Kind, now};

pub(crate) fn run(kind: Kind, rate: u64, seconds: u64) {
    match kind {
        Kind::Honest => log_at(rate, seconds),
        Kind::Hostile => write_over(buffer()),
        Kind::Busy => {
            PipeHandler::builder()
                .delivery(Delivery::Shared)
                .init()
                .expect("a record pipe");
            log::info!("begun");
            // As many words as a buffer has.
            let words = (0..buffer_bytes() / 8).map(|_| AtomicU64::new(0)).collect();
            write_over(Vec::leak(words))
        }
    }
}

/// Logs at a rate, and with each record when it began and how long the call before it took.
fn log_at(rate: u64, seconds: u64) {
    PipeHandler::builder()
        .delivery(Delivery::Shared)
        .init()
        .expect("a record pipe");
    let began = Instant::now();
    let mut before = 0;
    for n in 0..rate * seconds {
        let at = Duration::from_nanos(n * 1_000_000_000 / rate);
        thread::sleep(at.saturating_sub(began.elapsed()));
        let begun = now();
        log::info!(begun, before; "now and then {n}");
        before = now() - begun;
    }
}

/// Writes over these words until stdin ends.
fn write_over(words: &'static [AtomicU64]) -> ! {
    thread::spawn(|| {
        let _ended = io::stdin().read(&mut [0]);
        process::exit(0);
    });
    let mut random = Rng::new();
    loop {
        // All words, and then those that matter, with values that are nearly right.
        let value = random.u64(..);
        words.iter().for_each(|word| word.store(value, Relaxed));
        for _ in 0..1_000_000 {
            let at = match random.u8(..4) {
                0 => [8, 32, 48][random.usize(..3)],
                1 | 2 => 512 + random.usize(..512),
                _ => 1024 + random.usize(..words.len() - 1024),
            };
            let value = match random.u8(..8) {
                0 => u64::MAX,
                1 => random.u64(..512) * 8,
                2 | 3 => words[at].load(Relaxed).wrapping_add(8),
                4 => u64::from_ne_bytes((random.u64(..1 << 20) << 32).to_be_bytes()),
                5 | 6 => 0,
                _ => random.u64(..),
            };
            words[at].store(value, Relaxed);
        }
    }
}

/// Returns a part of the variable, as a number.
fn named(place: usize) -> Option<u64> {
    let variable = std::env::var("RECORD_PIPE").ok()?;
    variable.split(':').nth(place)?.parse().ok()
}

fn buffer_bytes() -> usize {
    named(7).expect("a size") as usize
}

/// Maps the buffer without a handler.
fn buffer() -> &'static [AtomicU64] {
    let number = named(4).and_then(|number| number.try_into().ok());
    // SAFETY: the parent opened it for this process, and nobody else in it knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(number.expect("a descriptor")) };
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the system chooses a free address.
    let start = unsafe {
        mmap(
            ptr::null_mut(),
            buffer_bytes(),
            access,
            MapFlags::SHARED,
            &fd,
            0,
        )
    };
    let start = start.expect("a buffer").cast();
    // SAFETY: it has this many bytes and is never unmapped; all access to it is atomic.
    unsafe { std::slice::from_raw_parts(start, buffer_bytes() / 8) }
}
