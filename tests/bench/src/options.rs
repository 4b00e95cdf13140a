//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures the delivery of log records from child processes beside its peers, and prints Markdown.
#[derive(Parser)]
pub struct Options {
    #[command(subcommand)]
    pub part: Part,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Args, Clone)]
pub struct Settings {
    /// Small loads and one round: shows that everything runs, not how fast.
    #[arg(long, global = true)]
    pub quick: bool,
    /// How often each measurement is made; all systems take turns in each round.
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only these systems.
    #[arg(long, global = true, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the plot goes; by default beside the sources, with --quick nowhere.
    #[arg(long, global = true)]
    svg: Option<PathBuf>,
}

#[derive(Subcommand, Clone, PartialEq)]
pub enum Part {
    /// All parts and the plot.
    All,
    /// Records per second, CPU, memory, cost of a log call and latency, beside other designs.
    Peers,
    /// What the machine allows.
    Limits,
    /// Encoding, decoding, allocations.
    Micro,
    /// Events and spans of `tracing`.
    Tracing,
    /// How the cost grows with threads, children, key-values and message sizes.
    Growth,
    /// What a record costs at given rates, of one child and of many, and the memory of a child.
    Rates,
    /// What scopes cost.
    #[cfg(feature = "scope")]
    Scope,
    /// The reading side of one measurement.
    #[command(hide = true)]
    Parent { task: String },
    /// The writing side of one measurement.
    #[command(hide = true)]
    Child { task: String },
    /// Measures one thing of a child that uses `tracing`.
    #[command(hide = true)]
    TracingChild {
        what: String,
        sink: String,
        calls: u64,
    },
    /// Reads its stdin to the end.
    #[command(hide = true)]
    Drain,
    /// Writes so many blocks to its stdout.
    #[command(hide = true)]
    Blocks { count: u64 },
}

impl Settings {
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    pub fn wants(&self, system: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == system)
    }

    /// `full`, or with --quick a small part of it.
    pub fn amount(&self, full: u64) -> u64 {
        if self.quick { (full / 40).max(1) } else { full }
    }

    pub fn svg(&self) -> Option<PathBuf> {
        let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/peers.svg"));
        self.svg.clone().or_else(|| (!self.quick).then(beside))
    }
}
