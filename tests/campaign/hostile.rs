//! Hostile children: streams and buffers that no handler writes.

use std::{
    io::{self, PipeWriter, Write},
    os::fd::{FromRawFd, OwnedFd},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use fastrand::Rng;
use pipe_handler::{Delivery, Overflow, PipeHandler};
use pipe_subscriber::{Spawn, Summary};
use tokio::{process::Command, time::timeout};

use crate::{own_buffer, random::of_any_magnitude};

/// A child whose stream does not end within this time has failed its parent.
const LIMIT: Duration = Duration::from_secs(60);

/// Starts a hostile child and reads its stream to the end.
pub(crate) async fn run(seed: u64) -> io::Result<Summary> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("hostile").arg(seed.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.kill_on_drop(true);
    // The usual size, or few rings that are as short as possible.
    let buffer = [8 << 20, 512 << 10, 64 << 10][(seed % 3) as usize];
    let spawn = Spawn::new(command).filter("trace").buffer(buffer);
    let (mut child, logs) = spawn.spawn()?;
    let read = timeout(LIMIT, logs.run_with(|_| {})).await?;
    let summary = read.map_err(io::Error::other)?;
    let status = timeout(LIMIT, child.wait()).await??;
    match status.success() {
        true => Ok(summary),
        false => Err(io::Error::other(format!("seed {seed}: {status}"))),
    }
}

/// Runs as a hostile child.
pub(crate) fn child(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let write = match random.u8(..9) {
        6.. => return log_and_write_over_the_buffer(&mut random),
        0 => write_anything,
        1 => write_frames_of_anything,
        2 => write_unfinished_records,
        3 => write_many_processes,
        4 => write_damaged_records,
        _ => write_half_a_frame,
    };
    let variable = std::env::var("RECORD_PIPE").expect("a record pipe");
    let number = variable.split(':').nth(1).and_then(|n| n.parse().ok());
    // SAFETY: the parent opened it for this process, and nobody else in it knows it.
    let pipe = unsafe { OwnedFd::from_raw_fd(number.expect("a descriptor")) };
    let amount = of_any_magnitude(&mut random, 20_000);
    // The parent may have read enough.
    let _gone = write(&mut PipeWriter::from(pipe), &mut random, amount);
}

/// Logs from two threads while it writes over the words of its buffer.
fn log_and_write_over_the_buffer(random: &mut Rng) {
    let words = own_buffer::map();
    let overflow = Overflow::BlockFor(Duration::from_millis(1));
    let settings = PipeHandler::builder()
        .delivery(Delivery::Shared)
        .overflow(overflow);
    settings.init().expect("a record pipe");
    log::info!("the rings are claimed before they are spoiled");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    log::info!("{:100}", "meanwhile");
                }
            });
        }
        for _ in 0..of_any_magnitude(random, 1_000_000) {
            own_buffer::write_over_one(words, random);
        }
        is_over.store(true, Relaxed);
    });
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small");
    [&length.to_be_bytes()[..], payload].concat()
}

fn bytes(random: &mut Rng, most: u64) -> Vec<u8> {
    let length = random.u64(..most);
    (0..length).map(|_| random.u8(..)).collect()
}

fn write_anything(pipe: &mut PipeWriter, random: &mut Rng, amount: u64) -> io::Result<()> {
    pipe.write_all(&bytes(random, amount * 20))
}

fn write_frames_of_anything(
    pipe: &mut PipeWriter,
    random: &mut Rng,
    amount: u64,
) -> io::Result<()> {
    for _ in 0..amount {
        let mut payload = bytes(random, 60);
        // Most of these kinds exist.
        payload.insert(0, random.u8(..8));
        pipe.write_all(&frame(&payload))?;
    }
    Ok(())
}

/// A fragment in the longest form of its numbers.
fn fragment(pid: u64, stream: u64, index: u64, piece: &[u8]) -> Vec<u8> {
    let mut payload = vec![2, 0x95];
    for number in [pid, stream, index] {
        payload.push(0xcf);
        payload.extend(number.to_be_bytes());
    }
    payload.extend([0xc2, 0xc5]);
    payload.extend(u16::try_from(piece.len()).expect("small").to_be_bytes());
    payload.extend(piece);
    frame(&payload)
}

fn write_unfinished_records(
    pipe: &mut PipeWriter,
    random: &mut Rng,
    amount: u64,
) -> io::Result<()> {
    let piece = [0; 8_000];
    let streams = of_any_magnitude(random, 2_000);
    for n in 0..amount / 8 {
        let length = random.usize(..8_000);
        pipe.write_all(&fragment(n % 7, n % streams, n / streams, &piece[..length]))?;
    }
    Ok(())
}

fn write_many_processes(pipe: &mut PipeWriter, random: &mut Rng, amount: u64) -> io::Result<()> {
    let first = random.u64(..1 << 40);
    for n in 0..amount {
        let mut hello = vec![0, 0x92, 1, 0xcf];
        hello.extend((first + n).to_be_bytes());
        pipe.write_all(&frame(&hello))?;
    }
    Ok(())
}

/// The least record, with one byte that may be anything.
fn write_damaged_records(pipe: &mut PipeWriter, random: &mut Rng, amount: u64) -> io::Result<()> {
    for n in 0..amount {
        let mut payload = vec![1, 0x96, 0xcd, 0, 0, 0, 3, 0xa1, b't', 0xa2, b'h', b'i', 42];
        payload[3..5].copy_from_slice(&(n as u16).to_be_bytes());
        let place = random.usize(..payload.len());
        payload[place] = random.u8(..);
        pipe.write_all(&frame(&payload))?;
    }
    Ok(())
}

fn write_half_a_frame(pipe: &mut PipeWriter, random: &mut Rng, amount: u64) -> io::Result<()> {
    write_damaged_records(pipe, random, amount / 10)?;
    pipe.write_all(&frame(&[0; 100])[..random.usize(..103)])
}
