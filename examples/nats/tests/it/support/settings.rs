//! How long the tests are. The defaults are short; `.ci/long` sets the long ones.

use std::{env, str::FromStr};

pub(crate) struct Settings {
    /// `RECORDS`: how many each of four children logs.
    pub(crate) records: u64,
    /// `KILLS`: how often a process is killed.
    pub(crate) kills: u32,
    /// `AWAY_SECONDS`: how long a server is away.
    pub(crate) away_seconds: u64,
    /// `CHILDREN`: how many children log little.
    pub(crate) children: u32,
    /// `LEAST_PERCENT`: what a relay must reach of the throughput of its client library. 0 on a machine that is busy.
    pub(crate) least_percent: f64,
}

impl Settings {
    pub(crate) fn from_environment() -> Self {
        Self {
            records: variable("RECORDS", 10_000),
            kills: variable("KILLS", 2),
            away_seconds: variable("AWAY_SECONDS", 2),
            children: variable("CHILDREN", 4),
            least_percent: variable("LEAST_PERCENT", 0.0),
        }
    }
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}
