//! simplelog. It shows no key-values, and the target of most levels only on request.

use std::io;

use log::LevelFilter;
use simplelog::{ConfigBuilder, WriteLogger};

use crate::{Result, parent};

pub async fn run() -> Result {
    let mut config = ConfigBuilder::new();
    config
        .set_time_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Error);
    WriteLogger::init(LevelFilter::Debug, config.build(), io::stderr())?;
    parent::run().await
}
