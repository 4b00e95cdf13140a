//! opentelemetry-appender-log. It sets no time, so that only the attribute `time` has the child's.

use log::LevelFilter;
use opentelemetry_appender_log::OpenTelemetryLogBridge;

use crate::{Result, otel, parent};

pub async fn run() -> Result {
    let provider = otel::logger_provider()?;
    log::set_boxed_logger(Box::new(OpenTelemetryLogBridge::new(&provider)))?;
    log::set_max_level(LevelFilter::Debug);
    parent::run().await?;
    Ok(provider.shutdown()?)
}
