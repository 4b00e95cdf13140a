//! simplelog. It shows no key-values, so the label goes into the target, which it shows for all levels on request.

use std::io;

use log::LevelFilter;
use pipe_subscriber::LabelIn;
use simplelog::{ConfigBuilder, WriteLogger};

use crate::{Result, parent};

pub async fn run() -> Result {
    let mut config = ConfigBuilder::new();
    config
        .set_time_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Error);
    WriteLogger::init(LevelFilter::Debug, config.build(), io::stderr())?;
    parent::run_with_label_in(LabelIn::Target).await
}
