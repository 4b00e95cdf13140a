//! A parent that exports the children's records with their own times, without a logger in between.

use opentelemetry::logs::LoggerProvider;

use super::record::emit;
use crate::{Result, otel, parent};

pub async fn run() -> Result {
    let provider = otel::logger_provider()?;
    let logger = provider.logger("");
    // Without a logger there is no level to hand down: the parent has to name one.
    let (mut child, logs) = parent::this_program("child")?.filter("debug").spawn()?;
    child.wait().await?;
    let summary = logs.run_with(|record| emit(&logger, "w1", record)).await?;
    provider.shutdown()?;
    parent::check(&summary)
}
