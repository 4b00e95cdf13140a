//! OpenTelemetry: records and spans go to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names.

pub mod record;
pub mod records;

use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider};

use crate::Result;

/// Exports log records. A runtime of several threads is needed: one waits in `shutdown` while another one exports.
pub fn logger_provider() -> Result<SdkLoggerProvider> {
    let exporter = LogExporter::builder().with_tonic().build()?;
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter);
    Ok(provider.build())
}

fn resource() -> Resource {
    Resource::builder().with_service_name("shop").build()
}
