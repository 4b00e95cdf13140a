//! Reads the log records of many relays from a NATS JetStream stream, sorts them, and keeps the accounts of their processes.
//!
//! ```text
//! collect --server nats://hub:4222 --format json
//! ```
//!
//! ```text
//!   stream ==> Reader -> Reorder ----> Merge ------> Sink -> text, JSON, any log::Log
//!              messages  a child's     all children  |
//!              in order  ordinals      by time       v
//!                                                    Account -> Store ==> key-value bucket
//! ```
//!
//! `Engine` has everything from a message to a record and knows no connection; `Collector` connects its ends. `Leadership` is
//! the consumer of the server that lets one of several collectors read. The page of both programs is
//! `examples/nats/README.md`.
//!
//! The exit code is 0 after SIGINT or SIGTERM, or at the end of a replay, and 1 if the collector could not go on: no
//! server, no stream, no permission, another collector has taken over, or records could not be put out; 2 if the options
//! are wrong.

mod account;
mod child;
mod clock;
mod collector;
mod ends;
mod engine;
#[cfg(test)]
mod engine_tests;
mod failure;
mod flow;
mod host;
mod leadership;
mod link;
mod merge;
mod notice;
mod options;
mod ordinals;
mod pending;
mod position;
mod prefix;
mod process;
mod reader;
mod reorder;
mod report;
mod sink;
mod stop;
mod store;
mod sums;
mod support;
mod takeover;

use std::process::ExitCode;

use collector::Collector;
use failure::Failure;
use log::Log;
use options::{Format, Options};
use stop::Stop;
use support::stdio::eprint_line;
use tokio::runtime::Builder;

const WRONG_OPTIONS: u8 = 2;
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let code = support::options::options::<Options>(WRONG_OPTIONS).and_then(|options| {
        collect(&options).map_err(|failure| {
            eprint_line(format_args!("collect: {failure}"));
            FAILED
        })
    });
    ExitCode::from(code.err().unwrap_or(0))
}

fn collect(options: &Options) -> Result<(), Failure> {
    options.color.write_global();
    let logger =
        env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("trace"))
            .build();
    // One thread for the connection; this one decodes and puts out, and may have to wait for a reader.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure(format!("cannot start: {error}")))?;
    if options.format == Format::Log {
        log::set_max_level(logger.filter());
    }
    runtime.block_on(run(options, &logger))
}

async fn run(options: &Options, logger: &dyn Log) -> Result<(), Failure> {
    let stop = Stop::catch().map_err(|error| Failure(format!("cannot catch signals: {error}")))?;
    match Collector::start(options, stop, logger).await? {
        Some(collector) => collector.run().await,
        None => Ok(()),
    }
}
