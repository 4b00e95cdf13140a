//! A logger that does nothing.

use anyhow::Result;
use log::{LevelFilter, Log, Metadata, Record};

use crate::{
    reference,
    systems::{Installed, Logger},
};

/// A logger that does nothing: what is left is the check of `log` itself.
pub struct Nothing;

impl Logger for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }

    fn title(&self) -> &'static str {
        "*a logger that does nothing*"
    }

    fn install(&self) -> Result<Installed> {
        log::set_logger(&Silent)?;
        log::set_max_level(LevelFilter::Info);
        Ok(Installed::new(reference::by_log, || {}))
    }
}

struct Silent;

impl Log for Silent {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {}

    fn flush(&self) {}
}
