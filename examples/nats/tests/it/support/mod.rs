//! What the tests share: servers, relays and collectors as processes, and what arrived.

mod certificates;
mod collector;
mod disk;
mod network;
mod place;
mod process;
mod relay;
mod server;
mod settings;
mod sink;
mod site;

use std::{fmt, future::Future, ops::Range, time::Duration};

pub(crate) use {
    collector::Collector,
    disk::Disk,
    network::Network,
    place::Place,
    process::Process,
    relay::Relay,
    server::{STREAM, Server},
    settings::Settings,
    sink::{Faults, Received, Sink},
    site::Site,
};

/// The one limit of a test that hangs. The test's own waits have none.
pub(crate) async fn within<T>(settings: &Settings, test: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(
        120 + 30 * u64::from(settings.kills)
            + 10 * settings.away_seconds
            + settings.records / 2_000,
    );
    match tokio::time::timeout(limit, test).await {
        Ok(result) => result,
        Err(_) => panic!("not ended within {limit:?}"),
    }
}

/// Prints a figure, which `--nocapture` shows.
pub(crate) fn figure(name: &str, value: impl fmt::Display) {
    println!("{name}: {value}");
}

/// Returns a random number, for the moments of kills.
pub(crate) fn random(range: Range<u64>) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    range.start + u64::from_le_bytes(bytes) % (range.end - range.start)
}
