//! The child's side: what an event, a span, and a disabled event cost, beside the same record of `log` and beside
//! `tracing` itself. Each is measured in a process of its own, because a process sets its subscriber once.

use std::{
    env::current_exe,
    fs::File,
    hint::black_box,
    io::{Read, pipe},
    os::fd::OwnedFd,
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use pipe_handler::PipeHandler;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::{Targets, filter_fn},
    layer::{Identity, Layer},
    prelude::*,
    registry,
};

use crate::{
    bench::Bench,
    clock, reference,
    table::{Table, range},
};

/// What is measured: its name, its title, and the number of calls.
const CALLS: [(&str, &str, u64); 5] = [
    ("log", "a record of `log`", 500_000),
    ("event", "an event", 500_000),
    ("event-1", "an event in one span", 500_000),
    ("event-2", "an event in two spans", 500_000),
    ("event-8", "an event in eight spans", 500_000),
];

/// Where the records go. A pipe is read by another thread, whose time is not counted.
const SINKS: [&str; 2] = ["null", "pipe"];

const SPANS: [(&str, &str, u64); 6] = [
    (
        "span-registry",
        "*a layer that does nothing with spans*",
        500_000,
    ),
    ("span", "**the pipe's layer, filter info**", 500_000),
    ("span-warn", "**the pipe's layer, filter warn**", 500_000),
    ("span-off", "**the pipe's layer, filter off**", 20_000_000),
    (
        "span-disabled",
        "*a layer that takes events only*",
        20_000_000,
    ),
    ("record-field", "**a field recorded later**", 500_000),
];

const DISABLED: [(&str, &str, u64); 4] = [
    (
        "off-level",
        "*tracing, below the level of all layers*",
        100_000_000,
    ),
    (
        "off-level-pipe",
        "**the pipe's layer, below the level**",
        100_000_000,
    ),
    (
        "off-site",
        "*tracing, a call site that no layer takes*",
        100_000_000,
    ),
    (
        "off-site-pipe",
        "**the pipe's layer at warn, an event at info**",
        100_000_000,
    ),
];

pub fn run(bench: &mut Bench) -> Result<()> {
    for round in 0..bench.settings.rounds() {
        bench.round("tracing, child", round);
        for sink in SINKS {
            for (what, _, calls) in CALLS {
                add(bench, sink, what, calls)?;
            }
        }
        for (what, _, calls) in SPANS.into_iter().chain(DISABLED) {
            add(bench, "null", what, calls)?;
        }
    }
    print(bench);
    Ok(())
}

fn add(bench: &mut Bench, sink: &str, what: &str, calls: u64) -> Result<()> {
    let calls = bench.settings.amount(calls).to_string();
    let mut command = Command::new(current_exe()?);
    let output = command
        .args(["tracing-child", what, sink, &calls])
        .output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what}: {stderr}");
    let nanos = String::from_utf8(output.stdout)?.trim().parse()?;
    bench.figures.add(sink, what, "ns", nanos);
    Ok(())
}

fn print(bench: &Bench) {
    let mut table = Table::new([
        "the reference record, direct delivery",
        "ns, to /dev/null",
        "of `log`",
        "ns, to a pipe that is read",
        "of `log`",
    ]);
    for (what, title, _) in CALLS {
        let cells = SINKS.map(|sink| {
            let of_log = bench.figures.ratios(sink, what, "log", "ns");
            [
                range(bench.figures.summary(sink, what, "ns")),
                range(of_log),
            ]
        });
        table.row([&[title.to_owned()], cells.as_flattened()].concat());
    }
    println!("{table}");
    for (head, rows) in [
        (
            "a span with one field, made, entered and closed",
            &SPANS[..],
        ),
        ("a disabled event", &DISABLED[..]),
    ] {
        let mut table = Table::new([head, "ns"]);
        for (what, title, _) in rows {
            let nanos = bench.figures.summary("null", what, "ns");
            table.row([(*title).to_owned(), range(nanos)]);
        }
        println!("{table}");
    }
}

/// Measures one thing in this process, and prints the nanoseconds of CPU time that a call takes.
pub fn measure(what: &str, sink: &str, calls: u64) -> Result<()> {
    let end: OwnedFd = match sink {
        "null" => File::options().write(true).open("/dev/null")?.into(),
        _ => read_pipe()?,
    };
    let filter = match what {
        "span-warn" | "off-site-pipe" => "warn",
        "span-off" => "off",
        _ => "info",
    };
    let handler = PipeHandler::builder().filter(filter).build_on(end)?;
    let nanos = match what {
        "log" => {
            log::set_boxed_logger(Box::new(handler))?;
            log::set_max_level(log::LevelFilter::Info);
            cost(calls, reference::by_log)
        }
        "span-registry" => {
            registry()
                .with(Identity::new().with_filter(LevelFilter::INFO))
                .try_init()?;
            cost(calls, span)
        }
        "off-level" => {
            registry()
                .with(Identity::new().with_filter(LevelFilter::INFO))
                .try_init()?;
            cost(calls, disabled)
        }
        "off-site" => {
            // Another target takes info, so the level of all layers is info.
            let targets = Targets::new().with_target("other", LevelFilter::INFO);
            registry()
                .with(Identity::new().with_filter(targets))
                .try_init()?;
            cost(calls, reference::by_tracing)
        }
        "span-disabled" => {
            let events =
                filter_fn(|metadata| metadata.is_event()).with_max_level_hint(LevelFilter::INFO);
            registry()
                .with(Identity::new().with_filter(events))
                .try_init()?;
            cost(calls, span)
        }
        _ => {
            registry().with(handler.into_layer()).try_init()?;
            with_layer(what, calls)?
        }
    };
    println!("{nanos}");
    Ok(())
}

/// Measures what goes through the pipe's layer.
fn with_layer(what: &str, calls: u64) -> Result<f64> {
    let depth = what.strip_prefix("event-");
    let depth = depth.map_or(Ok(0), str::parse).context("a depth")?;
    let _spans: Vec<_> = (0..depth)
        .map(|level: u64| tracing::info_span!("request", level).entered())
        .collect();
    Ok(match what {
        "off-level-pipe" => cost(calls, disabled),
        "record-field" => {
            let span = tracing::info_span!("request", id = tracing::field::Empty);
            cost(calls, |id| {
                span.record("id", id);
            })
        }
        _ if what.starts_with("span") => cost(calls, span),
        _ if what.starts_with("event") || what == "off-site-pipe" => {
            cost(calls, reference::by_tracing)
        }
        _ => bail!("{what} is nothing to measure"),
    })
}

fn span(id: u64) {
    let _entered = tracing::info_span!("request", id).entered();
}

fn disabled(job: u64) {
    tracing::debug!(job = black_box(job), "disabled");
}

fn cost(calls: u64, call: impl Fn(u64)) -> f64 {
    clock::each(calls / 10 + 1, &call);
    clock::each(calls, call)
}

/// Returns the end of a pipe that another thread reads.
fn read_pipe() -> Result<OwnedFd> {
    let (mut reader, writer) = pipe()?;
    thread::spawn(move || {
        let mut block = vec![0; 64 * 1024];
        while reader.read(&mut block).is_ok_and(|length| length > 0) {}
    });
    Ok(writer.into())
}
