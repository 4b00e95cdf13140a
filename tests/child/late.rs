//! Logging from threads whose thread-locals are gone, as in a host that is not a Rust program.

use std::{process, ptr, sync::OnceLock, thread};

use crate::tools::{init, pattern, thread_id};

/// How many times the C library runs the destructors of a thread's keys (PTHREAD_DESTRUCTOR_ITERATIONS).
const ROUNDS: usize = 4;

static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

/// A destructor of a key logs in each round: in the first one Rust's thread-locals go, in the others they are gone.
pub(crate) fn destructors_of_keys(before: &str) {
    init();
    make_key(log_last_words);
    let logs_before = before == "logged";
    let body = move || {
        if logs_before {
            log::info!("first words");
        }
        set_round(1);
    };
    let named = thread::Builder::new().name("named".to_owned());
    named
        .spawn(body)
        .expect("a thread")
        .join()
        .expect("no panic");
    foreign(logs_before);
}

/// Runs a thread of which the standard library knows nothing.
fn foreign(logs_before: bool) {
    extern "C" fn run(logs_before: *mut libc::c_void) -> *mut libc::c_void {
        if !logs_before.is_null() {
            log::info!("first words");
        }
        set_round(1);
        ptr::null_mut()
    }
    let argument = ptr::without_provenance_mut(usize::from(logs_before));
    let mut thread = 0;
    // SAFETY: the function takes a number, and is never unloaded.
    let made = unsafe { libc::pthread_create(&mut thread, ptr::null(), run, argument) };
    assert_eq!(made, 0);
    // SAFETY: it was made above and is joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

fn make_key(destructor: unsafe extern "C" fn(*mut libc::c_void)) {
    KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the destructor is a function of this program, which is never unloaded.
        let made = unsafe { libc::pthread_key_create(&mut key, Some(destructor)) };
        assert_eq!(made, 0);
        key
    });
}

fn set_round(round: usize) {
    let key = *KEY.get().expect("a key");
    // SAFETY: the key exists, and its value is never dereferenced.
    unsafe { libc::pthread_setspecific(key, ptr::without_provenance(round)) };
}

unsafe extern "C" fn log_last_words(round: *mut libc::c_void) {
    let round = round.addr();
    log::info!(round, id = thread_id(); "{}", pattern(5_000, round));
    if round < ROUNDS {
        set_round(round + 1);
    }
}

/// A thread whose thread-locals are gone ends the process, as the last thread does in a C program whose main thread has
/// called `pthread_exit`. Then a destructor of the program logs.
pub(crate) fn exit_without_thread_locals() {
    extern "C" fn destructor() {
        log::info!("static destructor");
    }
    unsafe extern "C" fn end(round: *mut libc::c_void) {
        match round.addr() {
            ROUNDS => process::exit(0),
            round => set_round(round + 1),
        }
    }
    init();
    // SAFETY: the hook is a function of this program, which is never unloaded.
    assert_eq!(unsafe { libc::atexit(destructor) }, 0);
    make_key(end);
    log::info!("main");
    thread::spawn(|| set_round(1)).join().expect("no panic");
    unreachable!("the thread has ended the process");
}
