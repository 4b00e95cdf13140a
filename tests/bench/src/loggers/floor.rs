//! A logger that only encodes.

use std::{cell::RefCell, hint::black_box};

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};
use record_proto::{Identity, KeyValues, RecordEncoder};

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
    encoder: RecordEncoder,
    seq: u64,
}

impl Buffers {
    /// Encodes a record and returns its frame.
    pub fn encode(&mut self, record: &Record<'_>) -> &[u8] {
        if self.seq == 0 {
            self.identify();
        }
        self.seq += 1;
        self.encoder.format(record);
        self.encoder.finish(self.seq).expect("memory for a frame")
    }

    /// Returns the frame of the reference record with this number.
    pub fn frame_of(&mut self, job: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        reference::with_record(job, |record| frame.extend_from_slice(self.encode(record)));
        frame
    }

    /// The encoder knows who logs from one record to the next, as the handler's does.
    fn identify(&mut self) {
        identity::with_thread(|name, id| {
            let identity = Identity {
                pid: Some(identity::pid().into()),
                process: Some("bench"),
                thread_id: Some(id),
                thread: Some(name),
                instance: Some(u32::MAX),
            };
            self.encoder.identify(&identity, &KeyValues::new());
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
            black_box(buffers.encode(record));
        });
    }

    fn flush(&self) {}
}
