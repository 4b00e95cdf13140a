//! What scopes cost: values in each record, records that are held back, and escalations.

use std::{
    fs::OpenOptions,
    io::{PipeReader, Read},
    thread,
};

use anyhow::Result;
use log::{Level, Log, Record};
use pipe_handler::{HoldBack, PipeHandler, scope};

use crate::{
    alloc,
    bench::Bench,
    clock,
    loggers::floor::Buffers,
    reference,
    table::{Table, median, range},
};

/// The records of one escalation.
const RECORDS: u64 = 1_000;

pub fn run(bench: &mut Bench) -> Result<()> {
    for round in 0..bench.settings.rounds() {
        bench.round("scope", round);
        records(bench)?;
        escalations(bench)?;
    }
    print(bench);
    Ok(())
}

fn settings() -> pipe_handler::Builder {
    PipeHandler::builder().filter("trace").panic_hook(false)
}

/// The reference record with another level, and with two more pairs or without.
fn with_record(level: Level, more: bool, job: u64, f: impl FnOnce(&Record<'_>)) {
    reference::with_record(job, |record| {
        let pairs: [(&str, log::kv::Value<'_>); 4] = [
            ("job", job.into()),
            ("name", "alpha-7".into()),
            ("request", 17.into()),
            ("method", "GET".into()),
        ];
        let mut builder = record.to_builder();
        builder.level(level);
        match more {
            true => f(&builder.key_values(&pairs).build()),
            false => f(&builder.build()),
        }
    });
}

fn records(bench: &mut Bench) -> Result<()> {
    let count = bench.settings.amount(200_000);
    let (mut first, mut second) = (Buffers::default(), Buffers::default());
    // The handler writes, but what it writes costs nothing to read.
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    let handler = settings().build_on(null)?;
    let values = scope!(request = 17, method = "GET");
    let held = scope!().hold_back(HoldBack::below(Level::Info));
    let held_values = scope!(request = 17, method = "GET").hold_back(HoldBack::below(Level::Info));

    let mut add = |what, nanos| bench.figures.add("scope", what, "ns", nanos);
    let log = |level, more| {
        clock::each(count, |job| {
            with_record(level, more, job, |record| handler.log(record))
        })
    };
    let encode = |buffers: &mut Buffers, more| {
        clock::each(count, |job| {
            with_record(Level::Info, more, job, |record| {
                std::hint::black_box(buffers.encode(record));
            });
        })
    };
    add("encode", encode(&mut first, false));
    add("encode again", encode(&mut second, false));
    add("encode 4", encode(&mut first, true));
    add("log", log(Level::Info, false));
    add("log again", log(Level::Info, false));
    add("log 4", log(Level::Info, true));
    add("log in scope", values.in_scope(|| log(Level::Info, false)));
    add("held", held.in_scope(|| log(Level::Debug, false)));
    add(
        "held in scope",
        held_values.in_scope(|| log(Level::Debug, false)),
    );

    alloc::start();
    held.in_scope(|| log(Level::Debug, false));
    let allocations = alloc::stop() as f64 / count as f64;
    bench
        .figures
        .add("scope", "held", "allocations", allocations);
    Ok(())
}

/// Microseconds of CPU of the thread that logs so many records directly, or that makes them matter.
fn escalations(bench: &mut Bench) -> Result<()> {
    let (read_end, write_end) = std::io::pipe()?;
    let handler = settings().build_on(write_end)?;
    let reader = thread::spawn(move || read_all(read_end));
    let held = scope!().hold_back(HoldBack::below(Level::Info).keep(1 << 20));
    let log = |level, count| {
        let nanos = clock::each(count, |job| {
            with_record(level, false, job, |record| handler.log(record));
        });
        nanos * count as f64 / 1_000.0
    };
    for _ in 0..bench.settings.amount(50) {
        let mut add = |what, micros| {
            handler.flush();
            bench.figures.add("escalations", what, "us", micros);
        };
        add("directly", log(Level::Info, RECORDS + 1));
        add("directly again", log(Level::Info, RECORDS + 1));
        held.in_scope(|| {
            let keeping = log(Level::Debug, RECORDS);
            let escalation = log(Level::Error, 1);
            add("escalation", escalation);
            add("keeping and escalation", keeping + escalation);
        });
    }
    drop(handler);
    let _bytes = reader.join();
    Ok(())
}

fn read_all(mut read_end: PipeReader) {
    let mut buffer = vec![0; 1 << 20];
    while read_end.read(&mut buffer).is_ok_and(|length| length > 0) {}
}

fn print(bench: &Bench) {
    println!("## Scopes\n");
    let of = |what| range(bench.figures.summary("scope", what, "ns"));
    let against = |what, to| range(bench.figures.ratios("scope", what, to, "ns"));
    let mut table = Table::new(["reference record", "ns", "ratio"]);
    for (what, to, title) in [
        (
            "encode",
            "encode",
            "encode into a frame, the clock included",
        ),
        ("encode again", "encode", "the same once more, to the first"),
        ("encode 4", "encode", "encode with two more key-values"),
        ("log", "encode", "log to /dev/null"),
        ("log again", "log", "the same once more, to the first"),
        ("log 4", "log", "log with two more key-values, to without"),
        (
            "log in scope",
            "log",
            "log in a scope of two values, to outside",
        ),
        ("held", "encode", "held back, to encoding"),
        (
            "held in scope",
            "encode 4",
            "held back in a scope of two values, to encoding all four",
        ),
    ] {
        table.row([title.to_owned(), of(what), against(what, to)]);
    }
    println!("{table}");
    let allocations = bench.figures.summary("scope", "held", "allocations");
    println!(
        "Allocations of a record that is held back: {}\n",
        median(allocations)
    );

    let mut table = Table::new(["1,000 records through a pipe, us of CPU", "us", "ratio"]);
    for what in [
        "directly",
        "directly again",
        "escalation",
        "keeping and escalation",
    ] {
        let micros = bench.figures.summary("escalations", what, "us");
        let ratios = bench.figures.ratios("escalations", what, "directly", "us");
        table.row([what.to_owned(), median(micros), median(ratios)]);
    }
    println!("{table}");
}
