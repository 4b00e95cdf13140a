//! `fast_log` to `/dev/null`.

use anyhow::{Result, anyhow};
use fast_log::Config;
use log::LevelFilter;

use super::NULL;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `fast_log` with its file appender. It keeps no key-values: they are in the text.
pub struct FastLog;

impl Logger for FastLog {
    fn name(&self) -> &'static str {
        "fast_log"
    }

    fn title(&self) -> &'static str {
        "fast_log"
    }

    fn install(&self) -> Result<Installed> {
        let config = Config::new().level(LevelFilter::Info).file(NULL);
        let logger = fast_log::init(config).map_err(|error| anyhow!("{error}"))?;
        Ok(Installed::new(reference::by_log_as_text, || {
            log::Log::flush(logger);
        }))
    }
}
