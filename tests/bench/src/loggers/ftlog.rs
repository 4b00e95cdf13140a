//! `ftlog` to `/dev/null`.

use anyhow::{Result, anyhow};
use log::LevelFilter;

use super::null;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `ftlog`, lossless. It keeps no key-values: they are in the text.
pub struct FtLog;

impl Logger for FtLog {
    fn name(&self) -> &'static str {
        "ftlog"
    }

    fn title(&self) -> &'static str {
        "ftlog"
    }

    fn install(&self) -> Result<Installed> {
        let guard = ftlog::builder()
            .max_log_level(LevelFilter::Info)
            .bounded(100_000, true)
            .root(null()?)
            .utc()
            .try_init()
            .map_err(|error| anyhow!("{error}"))?;
        Ok(Installed::new(reference::by_log_as_text, || drop(guard)))
    }
}
