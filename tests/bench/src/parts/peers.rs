//! This project beside what else one could use.

use crate::{
    bench::Bench,
    load::{Load, Pace},
    loggers, python,
    report::Report,
    stats::Percentiles,
    systems,
    table::{Table, median, range, times},
};

/// The systems of the tables: name and title.
type Names = Vec<(&'static str, &'static str)>;

/// What all others are compared with.
const YARDSTICK: &str = "json";

pub fn run(bench: &mut Bench) {
    println!("## Peers\n");
    for threads in [1, 4] {
        throughput(bench, threads);
    }
    for threads in [1, 4] {
        calls(bench, threads);
    }
    latency(bench);
}

pub fn systems() -> Names {
    let systems = systems::all();
    systems
        .iter()
        .map(|one| (one.name(), one.title()))
        .collect()
}

/// The part that the figures with so many threads belong to.
pub fn e2e(threads: u64) -> String {
    format!("e2e {threads}")
}

/// The same for the cost of log calls.
fn call(threads: u64) -> String {
    format!("call {threads}")
}

fn throughput(bench: &mut Bench, threads: u64) {
    let part = e2e(threads);
    for round in 0..bench.settings.rounds() {
        bench.round(&part, round);
        for system in systems::all() {
            let records = bench.settings.amount(system.per_second()) / threads;
            let load = Load::new(Pace::Flat { records }).threads(threads);
            if let Some(report) = bench.measure(system.name(), &load) {
                add(bench, &part, system.name(), &report);
            }
        }
        if threads == 1 {
            let quick = bench.settings.quick;
            let records = bench.settings.amount(python::PER_SECOND);
            let report = bench.attempt(python::NAME, || python::report(records, quick));
            if let Some(report) = report {
                add(bench, &part, python::NAME, &report);
            }
        }
    }
    print_throughput(bench, threads);
}

fn add(bench: &mut Bench, part: &str, system: &str, report: &Report) {
    let (child, parent) = report.cpu_per_million();
    let figures = &mut bench.figures;
    figures.add(part, system, "rate", report.records_per_second() / 1e3);
    figures.add(part, system, "child cpu", child);
    figures.add(part, system, "parent cpu", parent);
    figures.add(part, system, "cpu", child + parent);
    figures.add(part, system, "peak", report.peak_kib as f64 / 1024.0);
}

fn print_throughput(bench: &Bench, threads: u64) {
    let mut table = Table::new([
        "system",
        "thousand records/s",
        "x JSON",
        "CPU s per million records",
        "child + parent",
        "parent's peak MiB",
    ]);
    let part = e2e(threads);
    let mut names = systems();
    names.push((python::NAME, python::TITLE));
    for (name, title) in names {
        let of = |figure| bench.figures.summary(&part, name, figure);
        if of("rate").is_none() {
            continue;
        }
        table.row([
            title.to_owned(),
            range(of("rate")),
            times(bench.figures.ratio(&part, name, YARDSTICK, "rate")),
            range(of("cpu")),
            format!("{} + {}", median(of("child cpu")), median(of("parent cpu"))),
            median(of("peak")),
        ]);
    }
    println!("### End to end, {}\n\n{table}", counted(threads));
}

fn calls(bench: &mut Bench, threads: u64) {
    let part = call(threads);
    let bursts = bench.settings.amount(200);
    let load = Load::new(Pace::Bursts { bursts, calls: 500 }).threads(threads);
    let names = callers();
    for round in 0..bench.settings.rounds() {
        bench.round(&part, round);
        for (name, _) in &names {
            let report = bench.measure(name, &load);
            if let Some(calls) = report.and_then(|report| report.calls) {
                add_percentiles(bench, &part, name, calls, 1.0);
            }
        }
    }
    let head = ["logger", "p50 ns", "p99 ns", "p99.9 ns"];
    let table = percentiles(bench, &part, &names, head);
    println!(
        "### Cost of a log call in bursts, {}\n\n{table}",
        counted(threads)
    );
}

/// Every system, and the loggers that do something.
fn callers() -> Names {
    let loggers = loggers::all();
    let loggers = loggers.iter().map(|one| (one.name(), one.title()));
    let loggers = loggers.filter(|(name, _)| *name != "nothing");
    loggers.chain(systems()).collect()
}

fn latency(bench: &mut Bench) {
    let records = bench.settings.amount(1500);
    let load = Load::new(Pace::Trickle { records });
    let names = systems();
    for round in 0..bench.settings.rounds() {
        bench.round("latency", round);
        for (name, _) in &names {
            let report = bench.measure(name, &load);
            if let Some(latency) = report.and_then(|report| report.latency) {
                add_percentiles(bench, "latency", name, latency, 1e-3);
            }
        }
    }
    let head = ["system", "p50 us", "p99 us", "p99.9 us"];
    let table = percentiles(bench, "latency", &names, head);
    println!("### From the log call to the parent's logger, about 1,000 records/s\n\n{table}");
}

fn add_percentiles(bench: &mut Bench, part: &str, name: &str, values: Percentiles, unit: f64) {
    let figures = &mut bench.figures;
    figures.add(part, name, "p50", values.p50 * unit);
    figures.add(part, name, "p99", values.p99 * unit);
    figures.add(part, name, "p99.9", values.p999 * unit);
}

fn percentiles(bench: &Bench, part: &str, names: &Names, head: [&str; 4]) -> Table {
    let mut table = Table::new(head);
    for (name, title) in names {
        let of = |figure| bench.figures.summary(part, name, figure);
        if of("p50").is_some() {
            let figures = ["p50", "p99", "p99.9"].map(|figure| range(of(figure)));
            table.row([&[(*title).to_owned()], &figures[..]].concat());
        }
    }
    table
}

fn counted(threads: u64) -> String {
    match threads {
        1 => "1 thread".to_owned(),
        _ => format!("{threads} threads"),
    }
}
