use std::{
    cell::RefCell,
    hint::black_box,
    mem,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};

use super::floor::Buffers;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// What buffered delivery would be with one buffer for all threads: each encodes by itself and appends under one lock; a
/// thread takes what is there and throws it away.
pub struct Shared;

/// Where appending waits until the other thread has taken something.
const CAPACITY: usize = 512 * 1024;

/// How long the other thread waits before it looks again, as the one of buffered delivery does.
const LINGER: Duration = Duration::from_micros(200);

impl Logger for Shared {
    fn name(&self) -> &'static str {
        "shared buffer"
    }

    fn title(&self) -> &'static str {
        "*encode into one shared buffer*"
    }

    fn install(&self) -> Result<Installed> {
        let queue = Arc::new(Queue::default());
        let taker = Arc::clone(&queue);
        thread::spawn(move || taker.take_for_ever());
        log::set_boxed_logger(Box::new(Appender(queue)))?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

#[derive(Default)]
struct Queue {
    bytes: Mutex<Vec<u8>>,
    taken: Condvar,
}

impl Queue {
    fn append(&self, frame: &[u8]) {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        while bytes.len() + frame.len() > CAPACITY {
            bytes = self
                .taken
                .wait(bytes)
                .unwrap_or_else(PoisonError::into_inner);
        }
        bytes.extend_from_slice(frame);
    }

    fn take_for_ever(&self) {
        let mut taken = Vec::new();
        loop {
            taken.clear();
            mem::swap(
                &mut taken,
                &mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner),
            );
            self.taken.notify_all();
            black_box(&taken);
            thread::sleep(LINGER);
        }
    }
}

struct Appender(Arc<Queue>);

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Log for Appender {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        BUFFERS.with_borrow_mut(|buffers| {
            buffers.encode(record);
            self.0.append(&buffers.frame);
        });
    }

    fn flush(&self) {}
}
