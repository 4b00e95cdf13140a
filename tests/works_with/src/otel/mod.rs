//! OpenTelemetry: records and spans go to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names.

pub mod record;
pub mod records;
pub mod trace;

use opentelemetry_otlp::{LogExporter, SpanExporter};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider, trace::SdkTracerProvider};

use crate::Result;

/// Exports log records. A runtime of several threads is needed: one waits in `shutdown` while another one exports.
pub fn logger_provider() -> Result<SdkLoggerProvider> {
    let exporter = LogExporter::builder().with_tonic().build()?;
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter);
    Ok(provider.build())
}

/// Exports spans, under the same condition.
pub fn tracer_provider() -> Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder().with_tonic().build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter);
    Ok(provider.build())
}

fn resource() -> Resource {
    Resource::builder().with_service_name("shop").build()
}
