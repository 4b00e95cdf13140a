//! A trace that continues in the child: each process exports its own spans, and the child's first span has the parent's
//! as its parent. The context goes through the environment, in the variables that OpenTelemetry specifies for that. The
//! parent exports the child's records, which name their span.

use std::{collections::HashMap, env};

use opentelemetry::{
    Context,
    logs::LoggerProvider,
    propagation::TextMapPropagator,
    trace::{Span, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::record::emit;
use crate::{Result, child, otel, parent};

/// The role of the child.
pub const CHILD: &str = "child-in-trace";

/// The parent: a span around the child's life.
pub async fn run() -> Result {
    let (spans, records) = (otel::tracer_provider()?, otel::logger_provider()?);
    let span = spans.tracer("parent").start("order");
    let context = Context::current_with_span(span);

    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    let spawn = parent::this_program(CHILD)?.trace_context(carrier);
    let (mut child, logs) = spawn.filter("info").spawn()?;
    child.wait().await?;
    let logger = records.logger("");
    logs.run_with(|record| emit(&logger, "w1", record)).await?;
    context.span().end();
    records.shutdown()?;
    Ok(spans.shutdown()?)
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
