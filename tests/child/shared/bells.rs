//! A child whose bells are read by somebody else.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::FileExt,
    process, thread,
};

use pipe_handler::{Delivery, Overflow};

use crate::tools::{fill_pipe, hear, init_with, pipe_number, say, settings, wait_until};

/// Logs while the parent sleeps, each time from a new thread. `how` is the fate of the first bell and what follows it.
pub(crate) fn ring(how: &str) {
    let builder = settings().delivery(Delivery::Shared);
    init_with(builder.overflow(Overflow::Block));
    log::info!("first");
    wait_until(is_parent_asleep);
    say("asleep");
    hear();
    if how == "lost" {
        fill_pipe();
    }
    log_in_a_thread("unheard");
    if how != "lost" {
        steal_a_bell();
    }
    say("gone");
    hear();
    match how {
        "exit" => process::exit(0),
        // SAFETY: it has no conditions.
        "_exit" => unsafe { libc::_exit(0) },
        _ => log_in_a_thread("next"),
    }
    hear();
}

fn log_in_a_thread(message: &'static str) {
    let thread = thread::spawn(move || log::info!("{message}"));
    thread.join().expect("no panic");
}

/// Reads a bell from the pipe, as any process with a descriptor of it can.
fn steal_a_bell() {
    let path = format!("/proc/self/fd/{}", pipe_number());
    let mut bell = [0; 6];
    let mut pipe = File::open(path).expect("the pipe");
    pipe.read_exact(&mut bell).expect("a bell");
    assert_eq!(bell, [0, 0, 0, 2, 5, 0x90]);
}

/// Reads the bell's word of the buffer: odd if the parent sleeps.
fn is_parent_asleep() -> bool {
    const BELL: u64 = 64;
    let descriptors = fs::read_dir("/proc/self/fd").expect("descriptors");
    let mut paths = descriptors.map(|descriptor| descriptor.expect("a descriptor").path());
    let buffer = paths.find(|path| {
        let target = fs::read_link(path).unwrap_or_default();
        target.to_string_lossy().starts_with("/memfd:")
    });
    let buffer = File::open(buffer.expect("a buffer")).expect("the buffer");
    let mut word = [0; 8];
    buffer.read_exact_at(&mut word, BELL).expect("a word");
    u64::from_ne_bytes(word) % 2 == 1
}
