//! tracing-subscriber. Its feature `tracing-log`, on by default, makes events from the records of `log`, without their
//! key-values.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::{Result, parent};

pub async fn run() -> Result {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(io::stderr)
        .without_time()
        .with_ansi(false)
        .init();
    parent::run().await
}
