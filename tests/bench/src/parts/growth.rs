//! How the cost grows.

use crate::{
    bench::Bench,
    load::{Load, Pace},
    reference::Shape,
    table::{Table, median, range},
};

const OWN: [&str; 2] = ["shared", "direct"];

/// Direct delivery also beside the least that it could be.
const WITH_SKETCH: [&str; 3] = ["shared", "direct", "bare"];

/// How many records of a flat load take about half a second.
const RECORDS: u64 = 1_000_000;

/// What each of many children logs.
const OF_MANY: u64 = 4000;

const MANY: u64 = 500;

/// One line of a table.
struct Step {
    title: String,
    load: Load,
}

pub fn run(bench: &mut Bench) {
    println!("## Growth\n");
    series(bench, "threads", &threads(bench), &OWN);
    series(bench, "children", &children(bench), &WITH_SKETCH);
    print_sketch(bench, &children(bench));
    series(bench, "key-values", &key_values(bench), &OWN);
    series(bench, "message", &messages(bench), &OWN);
    idle(bench);
}

fn threads(bench: &Bench) -> Vec<Step> {
    let step = |threads: u64| {
        let records = bench.settings.amount(RECORDS) / threads;
        let load = Load::new(Pace::Flat { records }).threads(threads);
        Step::new(threads, load)
    };
    [1, 2, 4, 8].map(step).into()
}

/// The same number of records from one child and from many.
fn children(bench: &Bench) -> Vec<Step> {
    let step = |children: u64| {
        let records = bench.settings.amount(OF_MANY * MANY / children);
        let load = Load::new(Pace::Flat { records }).children(children);
        Step::new(children, load)
    };
    let counts = match bench.settings.quick {
        true => [1, 5, 10, 20],
        false => [1, 10, 100, MANY],
    };
    counts.map(step).into()
}

fn key_values(bench: &Bench) -> Vec<Step> {
    let step = |count: usize| {
        let records = bench.settings.amount(RECORDS);
        let load = Load::new(Pace::Flat { records }).shape(Shape::KeyValues(count));
        Step::new(count, load)
    };
    [0, 1, 2, 4, 8, 16, 32].map(step).into()
}

fn messages(bench: &Bench) -> Vec<Step> {
    let step = |(bytes, title): (usize, &str)| {
        // About as many bytes each time, from a million records down.
        let records = (400 << 20) / (bytes as u64 + 400);
        let records = bench.settings.amount(records);
        let load = Load::new(Pace::Flat { records }).shape(Shape::Message(bytes));
        Step::new(title, load)
    };
    let sizes = [
        (16, "16 B"),
        (256, "256 B"),
        (1 << 10, "1 KiB"),
        (4 << 10, "4 KiB"),
        (16 << 10, "16 KiB"),
        (64 << 10, "64 KiB"),
        (256 << 10, "256 KiB"),
    ];
    sizes.map(step).into()
}

impl Step {
    fn new(title: impl ToString, load: Load) -> Self {
        Self {
            title: title.to_string(),
            load,
        }
    }
}

fn series(bench: &mut Bench, name: &str, steps: &[Step], systems: &[&str]) {
    for round in 0..bench.settings.rounds() {
        bench.round(name, round);
        for step in steps {
            for system in systems {
                measure(bench, name, step, system);
            }
        }
    }
    print(bench, name, steps);
}

fn measure(bench: &mut Bench, name: &str, step: &Step, system: &str) {
    let Some(report) = bench.measure(system, &step.load) else {
        return;
    };
    let part = format!("{name} {}", step.title);
    let (child, parent) = report.cpu_per_million();
    let figures = &mut bench.figures;
    figures.add(&part, system, "rate", report.records_per_second() / 1e3);
    figures.add(&part, system, "cpu", child + parent);
    figures.add(&part, system, "peak", report.peak_kib as f64);
    if let Shape::Message(bytes) = step.load.shape {
        let rate = report.records_per_second() * bytes as f64 / 1e6;
        figures.add(&part, system, "bytes", rate);
    }
}

/// What a child costs more if it is one of many, beside the least that it could cost.
fn print_sketch(bench: &Bench, steps: &[Step]) {
    let head = ["children: CPU s per million", "shared", "direct", "*bare*"];
    let mut table = Table::new(head);
    for step in steps {
        let part = format!("children {}", step.title);
        let cpu = |system| median(bench.figures.summary(&part, system, "cpu"));
        let cells = WITH_SKETCH.map(cpu);
        table.row([std::slice::from_ref(&step.title), &cells].concat());
    }
    println!("{table}");
}

fn print(bench: &Bench, name: &str, steps: &[Step]) {
    let of_system = |system| {
        [
            format!("{system}: thousand records/s"),
            "MB/s of messages".to_owned(),
            "CPU s per million".to_owned(),
            "parent's peak MiB".to_owned(),
        ]
    };
    let head = OWN.into_iter().flat_map(of_system);
    let mut table = Table::new(std::iter::once(name.to_owned()).chain(head));
    for step in steps {
        let part = format!("{name} {}", step.title);
        let mut cells = vec![step.title.clone()];
        for system in OWN {
            let of = |figure| bench.figures.summary(&part, system, figure);
            let peak = of("peak").map(|kib| kib.scaled(1.0 / 1024.0));
            cells.extend([range(of("rate")), median(of("bytes"))]);
            cells.extend([median(of("cpu")), median(peak)]);
        }
        table.row(cells);
    }
    println!("### By {name}\n\n{table}");
}

/// Children that have logged and are quiet: does the parent sleep?
fn idle(bench: &mut Bench) {
    let (children, millis) = if bench.settings.quick {
        (10, 500)
    } else {
        (100, 3000)
    };
    let idle = Pace::Idle { millis };
    let load = Load::new(idle).children(children).prelude(1000);
    let mut table = Table::new([
        "idle children",
        "shared: parent's wakeups per second",
        "direct: parent's wakeups per second",
    ]);
    let mut cells = vec![children.to_string()];
    for system in OWN {
        let report = bench.measure(system, &load);
        if let Some(wakeups) = report.and_then(|report| report.wakeups) {
            bench.figures.add("idle", system, "wakeups", wakeups);
        }
        cells.push(median(bench.figures.summary("idle", system, "wakeups")));
    }
    table.row(cells);
    println!("### Idle\n\n{table}");
}
