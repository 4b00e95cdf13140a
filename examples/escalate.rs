//! Debug records that are seen only if something fails: a worker serves ten requests at once and holds their debug
//! records back. The one that fails shows all of its own, and nothing of the others.
//!
//! ```text
//! cargo run --example escalate
//! ```
//!
//! This file is both programs: the parent starts itself once more, with an argument.

use std::{
    env,
    error::Error,
    io::{self, Write},
};

use log::Level;
use pipe_handler::{HoldBack, PipeHandler, scope};
use pipe_subscriber::Spawn;
use tokio::{process::Command, task::yield_now};

const HELP: &str = "\
Starts a worker whose debug records arrive only if a request fails

Example: escalate
";

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("worker") => worker(),
        Some("-h" | "--help") => Ok(io::stdout().write_all(HELP.as_bytes())?),
        _ => parent(),
    }
}

#[tokio::main]
async fn parent() -> Result<(), Box<dyn Error>> {
    // What the parent wants to see when it matters must pass its own logger and the child's filter.
    env_logger::builder()
        .filter_level(log::LevelFilter::Debug)
        .init();
    let mut command = Command::new(env::current_exe()?);
    command.arg("worker");
    let (mut child, mut logs) = Spawn::new(command).filter("debug").spawn()?;
    let status = logs.run_until(child.wait()).await?;

    let summary = logs.run().await?;
    log::info!("{}", summary.with_exit_status(status));
    Ok(())
}

#[tokio::main]
async fn worker() -> Result<(), Box<dyn Error>> {
    PipeHandler::builder().init()?;
    let hold_back = HoldBack::below(Level::Info).until(Level::Error);
    let requests: Vec<_> = (1..=10_u32)
        .map(|request| {
            // Each request is a scope: its records have its number, and are held back by themselves.
            let scope = scope!(request).hold_back(hold_back);
            tokio::spawn(scope.instrument(serve(request)))
        })
        .collect();
    let mut served = 0;
    for request in requests {
        served += u32::from(request.await?.is_ok());
    }
    log::info!("{served} of 10 requests served");
    Ok(())
}

async fn serve(request: u32) -> Result<(), String> {
    log::debug!("accepted");
    yield_now().await; // other requests run in the meantime
    log::debug!(rows = request * 3; "read the table");
    yield_now().await;
    let result = check(request);
    match &result {
        Ok(()) => log::debug!("answered"),
        Err(error) => log::error!("{error}"),
    }
    result
}

fn check(request: u32) -> Result<(), String> {
    log::debug!("checking the rows");
    match request {
        7 => Err("row 20 has no owner".to_owned()),
        _ => Ok(()),
    }
}
