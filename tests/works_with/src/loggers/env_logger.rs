//! env_logger. It shows key-values if its feature `kv` is on.

use log::LevelFilter;

use crate::{Result, parent};

pub async fn run() -> Result {
    env_logger::builder()
        .filter_level(LevelFilter::Debug)
        .init();
    parent::run().await
}
