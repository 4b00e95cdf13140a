//! Long runs: processes that die by the thousand, and a parent that lives for hours. See ../README.md.

mod beside;
mod checker;
mod child;
mod claims;
mod clock;
mod crowd;
mod death;
mod ends;
mod forks;
mod gone;
mod hostile;
mod kills;
mod message;
mod order;
mod own_buffer;
mod plan;
mod process_stats;
mod random;
mod received;
mod shared_counters;
mod shared_words;
mod soak;
mod stopped;
mod stream;
mod table;
mod trial;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Kills children by the thousand; keeps a parent busy for hours")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Processes die in every way and at any moment
    Kills(kills::Options),
    /// Children come and go, and their parent must not grow
    Soak(soak::Options),
    /// Processes claim rings of a buffer and die, or end normally
    Claims(claims::Options),
    #[command(hide = true)]
    ClaimsChild {
        plan: String,
        #[arg(long)]
        number: Option<usize>,
        #[arg(long)]
        has_changed: bool,
    },
    /// More threads than rings log as fast as they can
    Crowd(crowd::Options),
    #[command(hide = true)]
    CrowdChild { plan: String },
    /// Processes are forked at any moment while threads log
    Forks(forks::Options),
    #[command(hide = true)]
    ForksChild { plan: String },
    /// A token goes round the threads of several processes, whose records must keep its order
    Order(order::Options),
    /// Honest children log beside one that writes over its buffer, and beside one that keeps a processor busy
    Beside(beside::Options),
    #[command(hide = true)]
    BesideChild {
        kind: beside::Kind,
        rate: u64,
        seconds: u64,
    },
    #[command(hide = true)]
    OrderChild {
        plan: String,
        #[arg(default_value_t = 0)]
        place: usize,
    },
    /// Processes go on logging when their stream ends
    Ends(ends::Options),
    /// Parents die or drop their subscriber while a child logs
    Gone(gone::Options),
    #[command(hide = true)]
    GoneParent { plan: String },
    #[command(hide = true)]
    GoneChild { plan: String },
    #[command(hide = true)]
    EndsChild { plan: String },
    /// The parent of a trial that is stopped meanwhile
    #[command(hide = true)]
    Trial { plan: String, counters: String },
    /// A process of a trial
    #[command(hide = true)]
    Child {
        plan: String,
        counters: String,
        place: usize,
    },
    /// A hostile child of a soak
    #[command(hide = true)]
    Hostile { seed: u64 },
}

fn main() -> ExitCode {
    let is_good = match Arguments::parse().part {
        Part::Kills(options) => kills::run(options, &runtime()),
        Part::Soak(options) => soak::run(&options),
        Part::Claims(options) => claims::run(&options, &runtime()),
        Part::ClaimsChild {
            plan,
            number,
            has_changed,
        } => {
            claims::child(&plan, number, has_changed);
            true
        }
        Part::Crowd(options) => crowd::run(&options, &runtime()),
        Part::CrowdChild { plan } => {
            crowd::child(&plan);
            true
        }
        Part::Forks(options) => forks::run(&options, &runtime()),
        Part::ForksChild { plan } => {
            forks::child(&plan);
            true
        }
        Part::Order(options) => order::run(&options, &runtime()),
        Part::Beside(options) => beside::run(&options, &runtime()),
        Part::BesideChild {
            kind,
            rate,
            seconds,
        } => {
            beside::child(kind, rate, seconds);
            true
        }
        Part::OrderChild { plan, place } => {
            order::child(&plan, place);
            true
        }
        Part::Ends(options) => ends::run(&options, &runtime()),
        Part::Gone(options) => gone::run(&options, &runtime()),
        Part::GoneParent { plan } => {
            runtime().block_on(gone::parent(&plan));
            true
        }
        Part::GoneChild { plan } => {
            gone::child(&plan);
            true
        }
        Part::EndsChild { plan } => {
            ends::child(&plan);
            true
        }
        Part::Trial { plan, counters } => {
            runtime().block_on(stopped::parent(&plan, &counters));
            true
        }
        Part::Hostile { seed } => {
            hostile::child(seed);
            true
        }
        Part::Child {
            plan,
            counters,
            place,
        } => {
            child::run(&plan, counters, place);
            true
        }
    };
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    trial::adopt_orphans().expect("a system that lets a process adopt orphans");
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().build().expect("a runtime")
}
