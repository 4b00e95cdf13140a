//! A parent for each logger of README's table "Works with". The first argument names it.

mod child;
mod loggers;
mod otel;
mod parent;

use std::{env, error::Error};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    match env::args().nth(1).as_deref() {
        Some("child") => child::run(),
        Some(otel::trace::CHILD) => otel::trace::child(),
        Some(name) => parent(name),
        None => Err("no logger is named".into()),
    }
}

#[tokio::main]
async fn parent(name: &str) -> Result {
    match name {
        "env_logger" => loggers::env_logger::run().await,
        "fern" => loggers::fern::run().await,
        "flexi_logger" => loggers::flexi_logger::run().await,
        "indicatif-log-bridge" => loggers::indicatif_log_bridge::run().await,
        "log4rs" => loggers::log4rs::run().await,
        "logforth" => loggers::logforth::run().await,
        "opentelemetry-appender-log" => loggers::opentelemetry_appender_log::run().await,
        "simplelog" => loggers::simplelog::run().await,
        "systemd-journal-logger" => loggers::systemd_journal_logger::run().await,
        "tracing-log" => loggers::tracing_subscriber::run_by_tracing_log().await,
        "tracing-subscriber" => loggers::tracing_subscriber::run().await,
        "opentelemetry" => otel::records::run().await,
        "trace" => otel::trace::run().await,
        _ => Err(format!("no logger is called {name}").into()),
    }
}
