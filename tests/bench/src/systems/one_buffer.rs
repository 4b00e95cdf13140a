//! `one-buffer`: the least that buffered delivery could be, with one buffer for all threads.

use std::{
    cell::RefCell,
    fs::File,
    io::Write,
    mem,
    process::{Child, Command},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};

use super::{Installed, Join, Logger, System, sketch};
use crate::{loggers::floor::Buffers, reference};

/// Buffered delivery with one buffer for all threads: each thread encodes by itself and appends under one lock; another
/// thread takes the buffer and writes it to this project's pipe. It has no policies, no accounts, no exit.
pub struct OneBuffer;

/// Where appending waits until the other thread has taken something.
const CAPACITY: usize = 512 * 1024;

/// Where it finds less, the other thread waits before it looks again, as the one of buffered delivery does.
const SMALL: usize = 64 * 1024;
const LINGER: Duration = Duration::from_micros(200);

/// What Linux keeps in one piece among the writers of a pipe.
const PIPE_BUF: usize = 4096;

impl Logger for OneBuffer {
    fn name(&self) -> &'static str {
        "one-buffer"
    }

    fn title(&self) -> &'static str {
        "*encode into one buffer of all threads*"
    }

    fn install(&self) -> Result<Installed> {
        let pipe = sketch::open_pipe()?;
        let queue = Arc::new(Queue::default());
        let (taker, appender) = (Arc::clone(&queue), Arc::clone(&queue));
        thread::spawn(move || taker.write_for_ever(pipe));
        log::set_boxed_logger(Box::new(Appender(appender)))?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, move || queue.flush()))
    }
}

impl System for OneBuffer {
    fn per_second(&self) -> u64 {
        5_000_000
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        sketch::serve(command, sink)
    }
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// The writer has taken or written something.
    progress: Condvar,
    /// There is something, and the writer waits.
    work: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    is_writing: bool,
    is_waiting: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, frame: &[u8]) {
        let is_full = |state: &mut State| state.bytes.len() + frame.len() > CAPACITY;
        let state = self.progress.wait_while(self.state(), is_full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.bytes.extend_from_slice(frame);
        if mem::take(&mut state.is_waiting) {
            self.work.notify_one();
        }
    }

    fn write_for_ever(&self, mut pipe: File) {
        let mut taken = Vec::new();
        loop {
            taken.clear();
            let is_empty = |state: &mut State| {
                state.is_writing = false;
                self.progress.notify_all();
                state.is_waiting = state.bytes.is_empty();
                state.is_waiting
            };
            let state = self.work.wait_while(self.state(), is_empty);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            mem::swap(&mut taken, &mut state.bytes);
            state.is_writing = true;
            drop(state);
            self.progress.notify_all();
            for piece in pieces(&taken) {
                pipe.write_all(piece).expect("the parent reads");
            }
            if taken.len() < SMALL {
                thread::sleep(LINGER);
            }
        }
    }

    fn flush(&self) {
        let is_busy = |state: &mut State| state.is_writing || !state.bytes.is_empty();
        drop(self.progress.wait_while(self.state(), is_busy));
    }
}

/// As many whole frames at a time as a pipe takes in one piece, as buffered delivery does.
fn pieces(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let mut length = 0;
        while let Some(head) = frames[length..].first_chunk() {
            let frame = 4 + u32::from_be_bytes(*head) as usize;
            if length > 0 && length + frame > PIPE_BUF {
                break;
            }
            length += frame;
        }
        let (piece, rest) = frames.split_at(length);
        frames = rest;
        (length > 0).then_some(piece)
    })
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
            self.0.append(buffers.encode(record));
        });
    }

    fn flush(&self) {}
}
