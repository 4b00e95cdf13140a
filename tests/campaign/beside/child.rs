//! The children: an honest one, a hostile one, and one that is busy.

use std::{
    io::{self, Read},
    process,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use pipe_handler::{Delivery, PipeHandler};

use super::{Kind, now};
use crate::own_buffer;

pub(crate) fn run(kind: Kind, rate: u64, seconds: u64) {
    match kind {
        Kind::Honest => log_at(rate, seconds),
        Kind::Hostile => write_over(own_buffer::map()),
        Kind::Busy => {
            PipeHandler::builder()
                .delivery(Delivery::Shared)
                .init()
                .expect("a record pipe");
            log::info!("begun");
            // As many words as a buffer has.
            let words = (0..own_buffer::bytes() / 8)
                .map(|_| AtomicU64::new(0))
                .collect();
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
            own_buffer::write_over_one(words, &mut random);
        }
    }
}
