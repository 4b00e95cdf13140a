//! Single system calls that the handler makes beside a write, or avoids.

use std::{
    hint::black_box,
    io::pipe,
    mem::zeroed,
    os::fd::AsRawFd,
    ptr::{null, null_mut},
};

use anyhow::Result;
use nix::libc;

use crate::{
    bench::Bench,
    clock::each,
    table::{Table, range},
};

const FSTAT: &str = "fstat(2) of a pipe (`check_before_each_write`)";
const GETPID: &str = "getpid(2)";
const DISPOSITION: &str = "query the disposition of SIGPIPE (before Linux 6.18)";
const MASK: &str = "block SIGPIPE and unblock it (before Linux 6.18)";

pub fn measure(bench: &mut Bench) -> Result<()> {
    let count = bench.settings.amount(1_000_000);
    let (reader, _writer) = pipe()?;
    let mut add = |what, nanos| bench.figures.add("limit", what, "ns", nanos);
    // SAFETY: zeroes are valid values of the three types, which the calls below fill in.
    let (mut stat, mut action, mut set) = unsafe { (zeroed(), zeroed(), zeroed()) };
    add(
        FSTAT,
        // SAFETY: the descriptor is open, and the call fills the value in.
        each(count, |_| unsafe {
            libc::fstat(reader.as_raw_fd(), &mut stat);
        }),
    );
    add(
        GETPID,
        // SAFETY: it has no arguments.
        each(count, |_| unsafe {
            black_box(libc::getpid());
        }),
    );
    add(
        DISPOSITION,
        // SAFETY: nothing is set, and the call fills the value in.
        each(count, |_| unsafe {
            libc::sigaction(libc::SIGPIPE, null(), &mut action);
        }),
    );
    // SAFETY: the set is on the stack, and the signal exists.
    unsafe { libc::sigaddset(&mut set, libc::SIGPIPE) };
    // SAFETY: as above.
    let mask = |how| unsafe {
        libc::pthread_sigmask(how, &set, null_mut());
    };
    add(
        MASK,
        each(count, |_| {
            mask(libc::SIG_BLOCK);
            mask(libc::SIG_UNBLOCK);
        }),
    );
    Ok(())
}

pub fn print(bench: &Bench) {
    let mut table = Table::new(["system calls", "ns"]);
    for what in [FSTAT, GETPID, DISPOSITION, MASK] {
        let nanos = bench.figures.summary("limit", what, "ns");
        table.row([what.to_owned(), range(nanos)]);
    }
    println!("{table}");
}
