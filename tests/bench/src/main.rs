//! Measures this project beside its peers. See README.md.

mod alloc;
mod bench;
mod child;
mod clock;
mod figures;
mod gate;
mod identity;
mod load;
mod loggers;
mod machine;
mod options;
mod owned;
mod parts;
mod plot;
mod python;
mod reference;
mod report;
mod serve;
mod sink;
mod stats;
mod systems;
mod table;
mod usage;

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::{
    bench::Bench,
    options::{Options, Part, Settings},
    parts::{growth, limits, micro, peers, rates, tracing, tracing_child},
};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> Result<()> {
    let Options { part, settings } = Options::parse();
    match part {
        Part::Parent { task } => {
            let report = serve::run(&serde_json::from_str(&task)?)?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
        Part::Child { task } => child::run(&serde_json::from_str(&task)?),
        Part::TracingChild { what, sink, calls } => tracing_child::measure(&what, &sink, calls),
        Part::Drain => limits::drain(),
        Part::Blocks { count } => limits::write_blocks(count),
        part => measure(&part, settings),
    }
}

fn measure(part: &Part, settings: Settings) -> Result<()> {
    let mut bench = Bench::new(settings);
    let wanted = |one: Part| *part == Part::All || *part == one;
    println!("{}", machine::describe());
    if wanted(Part::Limits) {
        limits::run(&mut bench)?;
    }
    if wanted(Part::Micro) {
        micro::run(&mut bench)?;
    }
    if wanted(Part::Tracing) {
        tracing::run(&mut bench)?;
    }
    #[cfg(feature = "scope")]
    if wanted(Part::Scope) {
        parts::scope::run(&mut bench)?;
    }
    if wanted(Part::Peers) {
        peers::run(&mut bench);
        draw(&bench)?;
    }
    if wanted(Part::Growth) {
        growth::run(&mut bench);
    }
    if wanted(Part::Rates) {
        rates::run(&mut bench);
    }
    println!("{}", bench.left_out());
    ensure!(bench.is_sound(), "this project's own records were lost");
    Ok(())
}

fn draw(bench: &Bench) -> Result<()> {
    let Some(path) = bench.settings.svg() else {
        return Ok(());
    };
    fs::write(&path, plot::svg(&bench.figures)).with_context(|| path.display().to_string())
}
