//! A trace that goes on in the child: each process exports its own spans, and the child's first span is a child of the
//! parent's. The context goes by the environment, in the variables that OpenTelemetry specifies for that.

use std::{collections::HashMap, env};

use log::LevelFilter;
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{Span, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::{Result, child, otel, parent};

/// The role of the child.
pub const CHILD: &str = "child-in-trace";

/// The parent: a span around the child's life.
pub async fn run() -> Result {
    env_logger::builder().filter_level(LevelFilter::Info).init();
    let provider = otel::tracer_provider()?;
    let tracer = provider.tracer("parent");
    let context = Context::current_with_span(tracer.start("order"));

    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    let variables = carrier
        .into_iter()
        .map(|(name, value)| (name.to_uppercase(), value));

    let (mut child, logs) = parent::this_program_with(CHILD, variables.collect())?.spawn()?;
    child.wait().await?;
    logs.run().await?;
    context.span().end();
    Ok(provider.shutdown()?)
}

/// The child: a span of its own, and a record that names it.
#[tokio::main]
pub async fn child() -> Result {
    pipe_handler::init()?;
    let provider = otel::tracer_provider()?;
    let variables = ["TRACEPARENT", "TRACESTATE"]
        .map(|name| (name.to_lowercase(), env::var(name).unwrap_or_default()));
    let context = TraceContextPropagator::new().extract(&HashMap::from(variables));

    let mut span = provider
        .tracer("child")
        .start_with_context("packing", &context);
    let (trace_id, span_id) = (
        span.span_context().trace_id(),
        span.span_context().span_id(),
    );
    child::timed(|| log::info!(trace_id:%, span_id:%; "packed"));
    span.end();
    Ok(provider.shutdown()?)
}
