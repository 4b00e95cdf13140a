//! A logger that only encodes.

use std::{cell::RefCell, hint::black_box};

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};
use record_proto::{Encode, Scratch};

use crate::{
    identity, reference,
    systems::{Installed, Logger},
};

/// Encodes each record, its time included, into a buffer of the thread and throws it away.
pub struct Floor;

impl Logger for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn title(&self) -> &'static str {
        "*encode only (the floor)*"
    }

    fn install(&self) -> Result<Installed> {
        log::set_logger(&Encoder)?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

struct Encoder;

/// What encoding needs.
#[derive(Default)]
pub struct Buffers {
    scratch: Scratch,
    seq: u64,
    pub frame: Vec<u8>,
}

impl Buffers {
    /// Leaves the frame of `record` in [`frame`](Self::frame).
    pub fn encode(&mut self, record: &Record<'_>) {
        self.seq += 1;
        self.frame.clear();
        identity::with_thread(|name, id| {
            let mut captured = self.scratch.capture(record);
            captured.seq = self.seq;
            captured.pid = Some(identity::pid().into());
            captured.process = Some("bench".into());
            captured.thread_id = Some(id);
            captured.thread = Some(name.into());
            captured.encode_frame(&mut self.frame);
        });
    }
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Log for Encoder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        BUFFERS.with_borrow_mut(|buffers| {
            buffers.encode(record);
            black_box(&buffers.frame);
        });
    }

    fn flush(&self) {}
}
