//! indicatif-log-bridge: another logger, here env_logger, prints above the progress bars of indicatif.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use indicatif_log_bridge::LogWrapper;
use log::LevelFilter;

use crate::{Result, parent};

pub async fn run() -> Result {
    let logger = env_logger::builder()
        .filter_level(LevelFilter::Debug)
        .build();
    let level = logger.filter();
    let bars = MultiProgress::new();
    LogWrapper::new(bars.clone(), logger).try_init()?;
    // As its documentation advises for env_logger.
    log::set_max_level(level);

    let style = ProgressStyle::with_template("{msg} [{bar:20}] {pos}/{len}")?;
    let bar = bars.add(ProgressBar::new(4).with_style(style).with_message("orders"));
    bar.set_position(2);
    bar.tick();
    parent::run().await?;
    bar.abandon();
    Ok(())
}
