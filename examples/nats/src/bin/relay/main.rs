//! Runs a program with a record pipe and publishes its log records to NATS JetStream, until the server has acknowledged
//! them.
//!
//! ```text
//! relay --server nats://127.0.0.1:4222 --create-stream --label web -- ./web --port 80
//! ```
//!
//! ```text
//!   child ==pipe==> Forwarder -> Batcher -> Publisher ==Link==> nats-server
//!                   reads        numbers    bounds what is      stores, acknowledges
//!                   frames       frames     not acknowledged
//! ```
//!
//! `Presence` publishes that the run has started, is alive, and has ended. The page of both programs is
//! `examples/nats/README.md`.
//!
//! The exit codes are those of `run_child`, which are those of env(1) and timeout(1): the child's own code, 128 plus the
//! number of the signal that killed it, 127 or 126 if it could not be started, and 125 if the relay itself failed: wrong
//! options, no server or no stream at the start, or frames that the server did not acknowledge. A child that runs is never
//! stopped because of the server.
//!
//! SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to the child. After the child's exit, a further one ends the wait for
//! the pipe and for the acknowledgements.

mod batcher;
mod forwarder;
mod link;
mod options;
mod presence;
mod publisher;
mod run;
mod stream;
mod support;
mod trouble;

use std::process::ExitCode;

use options::Options;
use support::{
    exit_codes::OWN_FAILURE, inherited, options::options, runtime::runtime, signals::Signals,
};
use trouble::say;

fn main() -> ExitCode {
    let code = options(OWN_FAILURE).and_then(|options| {
        start(options).map_err(|error| {
            say(error);
            OWN_FAILURE
        })
    });
    ExitCode::from(code.unwrap_or_else(|code| code))
}

fn start(options: Options) -> Result<u8, String> {
    let text = |error: std::io::Error| error.to_string();
    inherited::install_handlers().map_err(text)?;
    let signals = Signals::catch().map_err(text)?;
    runtime()
        .map_err(text)?
        .block_on(run::run(options, signals))
}
