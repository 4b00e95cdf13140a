//! What the machine allows, measured in the same run.

use std::{
    env::current_exe,
    fs::File,
    hint::black_box,
    io::{Read, Write, pipe, stdin, stdout},
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::Result;
use nix::fcntl::{FcntlArg, fcntl};

use super::{system_calls, wake};
use crate::{
    bench::Bench,
    clock::{self, each},
    load::{Load, Pace},
    loggers::floor::Buffers,
    reference::{self, Shape},
    table::{Table, range},
};

const BLOCK: usize = 64 * 1024;

/// The pipe that the share of large messages refers to: the larger and faster one.
const LARGE_PIPE: usize = 1024 * 1024;

pub fn run(bench: &mut Bench) -> Result<()> {
    for round in 0..bench.settings.rounds() {
        bench.round("limits", round);
        calls(bench)?;
        system_calls::measure(bench)?;
        blocks(bench, BLOCK, "pipe of 64 KiB")?;
        blocks(bench, LARGE_PIPE, "pipe of 1 MiB")?;
        messages(bench, "direct");
        messages(bench, "shared");
        wake::measure(bench)?;
    }
    print(bench);
    Ok(())
}

fn calls(bench: &mut Bench) -> Result<()> {
    let count = bench.settings.amount(1_000_000);
    let mut buffers = Buffers::default();
    let mut add = |what, nanos| bench.figures.add("limit", what, "ns", nanos);
    let encode = |job| reference::with_record(job, |record| looked_at(buffers.encode(record)));
    add("encode a record, its time included", each(count, encode));
    add(
        "read the clock",
        each(count, |_| looked_at(record_proto::now())),
    );
    add(
        "read the monotonic clock",
        each(count, |_| looked_at(clock::monotonic())),
    );

    let frame = &buffers.frame_of(count);
    let mut null = File::options().write(true).open("/dev/null")?;
    let mut written = Ok(());
    let write = |_| written = null.write_all(frame);
    add("write(2) of its frame to /dev/null", each(count, write));
    written?;
    add(
        "write(2) of its frame to a pipe that nobody waits for",
        to_pipe(count, frame)?,
    );
    add(
        "write(2) of its frame to a pipe that is read",
        to_drain(count, frame)?,
    );
    Ok(())
}

/// What is computed for nothing would not be computed.
fn looked_at<T>(value: T) {
    black_box(value);
}

/// A pipe is filled and then read, in turns, and only the filling counts.
fn to_pipe(count: u64, frame: &[u8]) -> Result<f64> {
    const ROUND: u64 = 300;
    let (mut reader, mut writer) = pipe()?;
    let mut buffer = vec![0; frame.len() * usize::try_from(ROUND)?];
    let (mut nanos, rounds) = (0.0, count / ROUND + 1);
    for _ in 0..rounds {
        let mut written = Ok(());
        nanos += each(ROUND, |_| written = writer.write_all(frame));
        written?;
        reader.read_exact(&mut buffer)?;
    }
    Ok(nanos / rounds as f64)
}

fn to_drain(count: u64, frame: &[u8]) -> Result<f64> {
    let (reader, mut writer) = pipe()?;
    let mut drain = this_program(&["drain"]).stdin(reader).spawn()?;
    let start = Instant::now();
    for _ in 0..count {
        writer.write_all(frame)?;
    }
    let nanos = start.elapsed().as_nanos() as f64 / count as f64;
    drop(writer);
    drain.wait()?;
    Ok(nanos)
}

/// The child of the above: nothing but reading.
pub fn drain() -> Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut input = stdin().lock();
    while input.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Bytes per second through a bare pipe.
fn blocks(bench: &mut Bench, pipe_size: usize, what: &str) -> Result<()> {
    let count = bench.settings.amount(20_000);
    let (mut reader, writer) = pipe()?;
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(i32::try_from(pipe_size)?))?;
    let mut child = start_blocks(count, writer)?;
    let mut buffer = vec![0; 256 * 1024];
    // The clock starts with the first bytes, not with the process.
    reader.read_exact(&mut buffer[..BLOCK])?;
    let (start, mut bytes) = (Instant::now(), 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => bytes += read,
        }
    }
    let rate = bytes as f64 / start.elapsed().as_secs_f64();
    child.wait()?;
    bench.figures.add("bytes", what, "rate", rate / 1e6);
    Ok(())
}

fn start_blocks(count: u64, writer: impl Into<Stdio>) -> Result<Child> {
    let count = (count + 1).to_string();
    Ok(this_program(&["blocks", &count]).stdout(writer).spawn()?)
}

/// The child of the above.
pub fn write_blocks(count: u64) -> Result<()> {
    let block = vec![7; BLOCK];
    // A File, not Stdout: no buffer in between.
    let mut output = File::from(std::os::fd::AsFd::as_fd(&stdout()).try_clone_to_owned()?);
    for _ in 0..count {
        output.write_all(&block)?;
    }
    Ok(())
}

/// Bytes of messages per second through this project.
fn messages(bench: &mut Bench, system: &str) {
    let records = bench.settings.amount(6000);
    let load = Load::new(Pace::Flat { records }).shape(Shape::Message(BLOCK));
    if let Some(report) = bench.measure(system, &load) {
        let rate = report.records_per_second() * BLOCK as f64;
        bench.figures.add("bytes", system, "rate", rate / 1e6);
    }
}

fn this_program(arguments: &[&str]) -> Command {
    let program = current_exe().unwrap_or_else(|_| "bench".into());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn print(bench: &Bench) {
    let mut table = Table::new(["once", "ns"]);
    for what in [
        "read the clock",
        "read the monotonic clock",
        "encode a record, its time included",
        "write(2) of its frame to /dev/null",
        "write(2) of its frame to a pipe that nobody waits for",
        "write(2) of its frame to a pipe that is read",
    ] {
        let nanos = bench.figures.summary("limit", what, "ns");
        table.row([what.to_owned(), range(nanos)]);
    }
    println!("## Limits\n\n{table}");
    system_calls::print(bench);

    let mut table = Table::new(["a pipe's reader on tokio that sleeps", "p50 us", "p99 us"]);
    let of = |figure| range(bench.figures.summary("wake", "tokio", figure));
    table.row([
        "from the write(2) until it has read".to_owned(),
        of("p50"),
        of("p99"),
    ]);
    println!("{table}");

    let mut table = Table::new(["64 KiB each", "MB/s", "% of the larger pipe"]);
    for (what, title) in [
        ("pipe of 64 KiB", "write(2) to a pipe of 64 KiB"),
        ("pipe of 1 MiB", "write(2) to a pipe of 1 MiB"),
        ("direct", "**messages, direct**"),
        ("shared", "**messages, shared**"),
    ] {
        let rate = bench.figures.summary("bytes", what, "rate");
        let share = bench.figures.ratios("bytes", what, "pipe of 1 MiB", "rate");
        let share = share.map(|share| share.scaled(100.0));
        table.row([title.to_owned(), range(rate), range(share)]);
    }
    println!("{table}");
}
