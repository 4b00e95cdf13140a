//! Events of `tracing` beside records of `log`.

use anyhow::Result;

use super::{tracing_child, tracing_parent};
use crate::bench::Bench;

pub fn run(bench: &mut Bench) -> Result<()> {
    println!("## Tracing, the child's side\n");
    tracing_child::run(bench)?;
    tracing_parent::run(bench)
}
