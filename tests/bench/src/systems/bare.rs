//! `bare`: the least that direct delivery could be.

use std::{
    cell::RefCell,
    fs::File,
    io::Write,
    process::{Child, Command},
};

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};

use super::{Installed, Join, Logger, System, sketch};
use crate::{loggers::floor::Buffers, reference};

/// The least that direct delivery can be: each record is encoded and written to this project's pipe, and nothing else
/// is done. It has no numbers, no policies, no accounts, no filter.
pub struct Bare;

impl Logger for Bare {
    fn name(&self) -> &'static str {
        "bare"
    }

    fn title(&self) -> &'static str {
        "*encode and write(2), nothing else*"
    }

    fn install(&self) -> Result<Installed> {
        log::set_boxed_logger(Box::new(Writer(sketch::open_pipe()?)))?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

impl System for Bare {
    fn per_second(&self) -> u64 {
        2_000_000
    }

    fn serve(&self, command: Command, sink: Box<dyn Log>) -> Result<(Child, Join)> {
        sketch::serve(command, sink)
    }
}

struct Writer(File);

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Log for Writer {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        BUFFERS.with_borrow_mut(|buffers| {
            (&self.0)
                .write_all(buffers.encode(record))
                .expect("the parent reads");
        });
    }

    fn flush(&self) {}
}
