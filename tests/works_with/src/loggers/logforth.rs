//! logforth, with its bridge from `log` and its JSON layout.

use log::LevelFilter;
use logforth::{append::Stderr, bridge::log::LogBridge, layout::JsonLayout};

use crate::{Result, parent};

pub async fn run() -> Result {
    let stderr = Stderr::default().with_layout(JsonLayout::default());
    let logger = logforth::core::builder()
        .dispatch(|dispatch| dispatch.append(stderr))
        .build();
    log::set_boxed_logger(Box::new(LogBridge::new(logger)))?;
    log::set_max_level(LevelFilter::Debug);
    parent::run().await
}
