//! Encoding and decoding by themselves, allocations, and a call that is filtered out.

use std::{hint::black_box, sync::mpsc};

use anyhow::Result;
use log::Log;
use pipe_subscriber::PipeSubscriber;
use record_proto::{HEAD_LENGTH, LogRecord, Payload};

use super::peers;
use crate::{
    alloc,
    bench::Bench,
    clock,
    load::{Load, Pace},
    loggers::floor::Buffers,
    reference,
    sink::{Sink, Tally},
    table::{Table, median, range},
};

pub fn run(bench: &mut Bench) -> Result<()> {
    for round in 0..bench.settings.rounds() {
        bench.round("micro", round);
        codec(bench)?;
        disabled(bench);
    }
    allocations(bench);
    print(bench);
    Ok(())
}

fn codec(bench: &mut Bench) -> Result<()> {
    let mut buffers = Buffers::default();
    let count = bench.settings.amount(500_000);
    let mut add = |what, (nanos, allocations)| {
        bench.figures.add("codec", what, "ns", nanos);
        bench.figures.add("codec", what, "allocations", allocations);
    };
    let format = |job| {
        reference::with_record(job, |record| {
            black_box(crate::sink::touch(record));
        })
    };
    add("format and touch", cost(count, format));
    let encode = |job| {
        reference::with_record(job, |record| {
            black_box(buffers.encode(record));
        })
    };
    add("encode", cost(count, encode));

    let frame = &buffers.frame_of(count);
    let payload = &frame[HEAD_LENGTH..];
    add(
        "decode",
        cost(count, |_| {
            black_box(decoded(black_box(payload)));
        }),
    );
    let (last, _lasts) = mpsc::channel();
    let sink: Box<dyn Log> = Sink::boxed(Tally::new(u64::MAX, false), last);
    let ready = |job| reference::with_ready_record(job, |record| sink.log(record));
    add("dispatch", cost(count, ready));
    let dispatch = |_| decoded(black_box(payload)).with_record(|record| sink.log(record));
    add("decode and dispatch", cost(count, dispatch));
    let bytes = frame.len() as f64;
    bench.figures.add("codec", "encode", "bytes", bytes);
    subscriber(bench, frame)
}

/// CPU nanoseconds per record of all that the parent does but waiting: the stream comes from memory.
fn subscriber(bench: &mut Bench, frame: &[u8]) -> Result<()> {
    const FRAMES: usize = 1000;
    let stream = frame.repeat(FRAMES);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (last, _lasts) = mpsc::channel();
    let mut end = Ok(());
    let nanos = clock::each(bench.settings.amount(300), |_| {
        let sink = Sink::boxed(Tally::new(u64::MAX, false), last.clone());
        let run = PipeSubscriber::new(&stream[..]).run_into(sink);
        end = runtime.block_on(run).map(drop);
    });
    end?;
    let nanos = nanos / FRAMES as f64;
    bench.figures.add("codec", "subscriber", "ns", nanos);
    Ok(())
}

fn decoded(payload: &[u8]) -> LogRecord<'_> {
    match Payload::decode(payload) {
        Ok(Payload::Record(record)) => record,
        other => unreachable!("{other:?}"),
    }
}

/// Nanoseconds and allocations of each of so many calls.
fn cost(count: u64, mut call: impl FnMut(u64)) -> (f64, f64) {
    // What is kept from call to call grows first.
    clock::each(count / 10 + 1, &mut call);
    let nanos = clock::each(count, &mut call);
    alloc::start();
    clock::each(1000, call);
    (nanos, alloc::stop() as f64 / 1000.0)
}

fn disabled(bench: &mut Bench) {
    let calls = bench.settings.amount(50_000_000);
    for name in ["nothing", "shared", "direct"] {
        let report = bench.measure(name, &Load::new(Pace::Disabled { calls }));
        if let Some(nanos) = report.and_then(|report| report.disabled) {
            bench.figures.add("disabled", name, "ns", nanos);
        }
    }
}

/// Whole processes count, all their threads, once what is kept is there.
fn allocations(bench: &mut Bench) {
    let records = bench.settings.amount(200_000);
    let load = Load::new(Pace::Flat { records }).prelude(2000);
    let load = load.counting_allocations();
    for (name, _) in peers::systems() {
        if let Some(report) = bench.measure(name, &load) {
            let per_record = |count: u64| count as f64 / records as f64;
            let child = per_record(report.child_allocations);
            let parent = per_record(report.parent_allocations);
            bench.figures.add("allocations", name, "child", child);
            bench.figures.add("allocations", name, "parent", parent);
        }
    }
}

fn print(bench: &Bench) {
    println!("## Micro\n");
    let mut table = Table::new(["reference record", "ns", "bytes", "allocations"]);
    for (what, title) in [
        ("format and touch", "format the message, touch every field"),
        ("encode", "encode into a frame, the clock included"),
        ("decode", "decode"),
        ("dispatch", "touch every field of a ready record"),
        ("decode and dispatch", "decode, rebuild, touch every field"),
        ("subscriber", "the same by PipeSubscriber, from memory"),
    ] {
        let of = |figure| bench.figures.summary("codec", what, figure);
        let cells = [
            range(of("ns")),
            median(of("bytes")),
            median(of("allocations")),
        ];
        table.row([&[title.to_owned()], &cells[..]].concat());
    }
    println!("{table}");

    let mut table = Table::new(["allocations per record", "child", "parent"]);
    for (name, title) in peers::systems() {
        let of = |figure| median(bench.figures.summary("allocations", name, figure));
        table.row([title.to_owned(), of("child"), of("parent")]);
    }
    println!("{table}");

    let mut table = Table::new(["a call below the level", "ns"]);
    for (name, title) in [
        ("nothing", "*a logger that does nothing*"),
        ("shared", "**this project, shared**"),
        ("direct", "**this project, direct**"),
    ] {
        let nanos = bench.figures.summary("disabled", name, "ns");
        table.row([title.to_owned(), range(nanos)]);
    }
    println!("{table}");
}
