//! `env_logger` to `/dev/null`.

use anyhow::Result;
use env_logger::{Builder, Target, WriteStyle};
use log::LevelFilter;

use super::null;
use crate::{
    reference,
    systems::{Installed, Logger},
};

/// `env_logger` in its usual format, straight to /dev/null.
pub struct EnvLogger;

impl Logger for EnvLogger {
    fn name(&self) -> &'static str {
        "env_logger"
    }

    fn title(&self) -> &'static str {
        "env_logger"
    }

    fn install(&self) -> Result<Installed> {
        Builder::new()
            .filter_level(LevelFilter::Info)
            .target(Target::Pipe(Box::new(null()?)))
            .write_style(WriteStyle::Never)
            .try_init()?;
        Ok(Installed::new(reference::by_log, || {}))
    }
}
