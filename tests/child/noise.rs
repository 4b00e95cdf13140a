//! A thread that logs as fast as it can beside the scenario.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use crate::tools::wait_until;

static ENOUGH: AtomicBool = AtomicBool::new(false);
static THREAD: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// Starts the thread if the test asks for it, and waits until it has logged.
pub(crate) fn start() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if std::env::var_os("E2E_NOISE").is_none() {
        return;
    }
    let thread = thread::spawn(|| {
        let mut n = 0_u64;
        while !ENOUGH.load(Relaxed) {
            log::info!(target: "noise", n; "noise {n}");
            BEGUN.store(true, Relaxed);
            n += 1;
        }
    });
    *THREAD.lock().expect("no panic") = Some(thread);
    wait_until(|| BEGUN.load(Relaxed));
}

pub(crate) fn stop() {
    ENOUGH.store(true, Relaxed);
    if let Some(thread) = THREAD.lock().expect("no panic").take() {
        thread.join().expect("no panic");
    }
}
