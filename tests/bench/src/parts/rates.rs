//! What a record costs at given rates, of one child and of many, and the memory of a child that logs now and then.

use crate::{
    bench::Bench,
    load::{Load, Pace},
    table::{Table, median, range, times},
};

/// What the shared buffer is compared with, and itself.
const SYSTEMS: [&str; 2] = ["direct", "shared"];

const RATES: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];

/// The records per second of all children together.
const TOTALS: [u64; 2] = [20_000, 500_000];

const CHILDREN: [u64; 5] = [1, 10, 100, 500, 1_000];

/// How long each measurement takes.
const SECONDS: u64 = 4;

/// The records of a child whose memory is measured, each of which is read before the next is logged.
const READ_ONE_BY_ONE: u64 = 10_000;

pub fn run(bench: &mut Bench) {
    println!("## Rates\n");
    for round in 0..bench.settings.rounds() {
        bench.round("rates", round);
        for rate in RATES {
            one_child(bench, rate);
        }
        for total in TOTALS {
            for children in CHILDREN {
                many_children(bench, total, children);
            }
        }
        memory(bench);
    }
    print_one_child(bench);
    print_many_children(bench);
    print_memory(bench);
}

fn steady(bench: &Bench, per_second: u64) -> Load {
    let records = bench.settings.amount(per_second * SECONDS).max(4);
    Load::new(Pace::Steady {
        records,
        per_second,
    })
}

fn one_child(bench: &mut Bench, rate: u64) {
    let load = steady(bench, rate);
    for system in ["nothing"].into_iter().chain(SYSTEMS) {
        add(bench, &format!("rate {rate}"), system, &load);
    }
}

/// Many children, and one of them by itself.
fn many_children(bench: &mut Bench, total: u64, children: u64) {
    let load = steady(bench, total / children);
    let part = format!("rate {total} of {children}");
    add(bench, &part, "shared", &load.clone().children(children));
    add(bench, &format!("{part} alone"), "shared", &load);
}

fn add(bench: &mut Bench, part: &str, system: &str, load: &Load) {
    if let Some(report) = bench.measure(system, load) {
        let (child, parent) = report.cpu_per_million();
        let figures = &mut bench.figures;
        figures.add(part, system, "child", child);
        figures.add(part, system, "parent", parent);
        figures.add(part, system, "cpu", child + parent);
    }
}

fn memory(bench: &mut Bench) {
    let records = bench.settings.amount(READ_ONE_BY_ONE);
    let load = Load::new(Pace::Trickle { records });
    for system in SYSTEMS {
        if let Some(report) = bench.measure(system, &load) {
            let kib = report.child_pss_kib + report.parent_pss_kib;
            bench.figures.add("memory", system, "kib", kib as f64);
        }
    }
}

fn print_one_child(bench: &Bench) {
    let mut table = Table::new([
        "records/s",
        "*without a logger*",
        "direct: child + parent",
        "shared: child + parent",
        "shared / direct",
    ]);
    for rate in RATES {
        let part = format!("rate {rate}");
        let of = |system, figure| median(bench.figures.summary(&part, system, figure));
        let both = |system| format!("{} + {}", of(system, "child"), of(system, "parent"));
        let ratio = bench.figures.ratio(&part, "shared", "direct", "cpu");
        table.row([
            rate.to_string(),
            of("nothing", "child"),
            both("direct"),
            both("shared"),
            times(ratio),
        ]);
    }
    println!("### CPU microseconds per record\n\n{table}");
}

fn print_many_children(bench: &Bench) {
    let mut table = Table::new([
        "records/s of all",
        "children",
        "CPU us per record",
        "one such child alone",
    ]);
    for total in TOTALS {
        for children in CHILDREN {
            let part = format!("rate {total} of {children}");
            let cpu = |part: &str| range(bench.figures.summary(part, "shared", "cpu"));
            table.row([
                total.to_string(),
                children.to_string(),
                cpu(&part),
                cpu(&format!("{part} alone")),
            ]);
        }
    }
    println!("### Many children, shared\n\n{table}");
}

fn print_memory(bench: &Bench) {
    let mut table = Table::new(["records read one by one", "Pss KiB of both processes"]);
    for system in SYSTEMS {
        let kib = range(bench.figures.summary("memory", system, "kib"));
        table.row([system.to_owned(), kib]);
    }
    println!("### Memory\n\n{table}");
}
