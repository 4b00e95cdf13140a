//! A process of several threads that log and fork, and the processes that it makes.

use std::{
    cell::Cell,
    fmt, io, process,
    sync::{
        Barrier, Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
};

use pipe_handler::{Delivery, PipeHandler};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

use super::plan::{End, Fork, LONGEST, Made, Moment, Plan, THREADS, length};
use crate::{
    message::{Message, Place, text},
    shared_words,
};

/// The processes of a thread that have not been waited for, at most.
const AT_ONCE: usize = 4;

/// How many log calls of each thread of the first process have returned.
const THREADS_AT: usize = 0;
/// For each fork: its process's pid, as that process sees it, and how many of its log calls have returned.
const FORKS_AT: usize = THREADS_AT + THREADS + 1;

/// Held while a process is made. The C library's fork takes the locks of the allocator, which the process of a system
/// call at that moment would never get.
static MAKING: Mutex<()> = Mutex::new(());

/// How many threads have forks left.
static FORKING: AtomicU64 = AtomicU64::new(THREADS as u64 + 1);

/// Not 0 in a process that was made: its number, plus 1.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Returns the number of words that the processes share.
pub(super) fn words(plan: &Plan) -> usize {
    FORKS_AT + 2 * plan.forks
}

/// How many log calls of a thread of the first process have returned.
pub(super) fn returned(words: &[AtomicU64], thread: usize) -> u64 {
    words[THREADS_AT + thread].load(Acquire)
}

/// The pid of the process of a fork, and how many of its log calls have returned.
pub(super) fn of_fork(words: &[AtomicU64], fork: usize) -> [u64; 2] {
    [0, 1].map(|at| words[FORKS_AT + 2 * fork + at].load(Acquire))
}

#[derive(Debug, Clone, Copy)]
struct Forker {
    plan: &'static Plan,
    words: &'static [AtomicU64],
}

/// Runs the first process to its end.
pub(crate) fn run(plan: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let words = shared_words::open(&plan.words).expect("the words");
    // Made before there are threads: in a fork it could stay half made.
    text(0, 0);
    let builder = PipeHandler::builder().delivery(Delivery::Shared);
    builder.init().expect("a record pipe");
    let plan = Box::leak(Box::new(plan));
    let forker = Forker { plan, words };
    let all_have_logged: &Barrier = Box::leak(Box::new(Barrier::new(THREADS + 1)));
    let threads = (1..=THREADS).map(|thread| {
        thread::spawn(move || {
            let mut next = forker.begin(thread);
            all_have_logged.wait();
            forker.fork_and_log(thread, &mut next);
        })
    });
    let threads: Vec<_> = threads.collect();
    forker.begin(0);
    all_have_logged.wait();
    forker.fork_between();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

impl Forker {
    /// Logs the longest message, so that the thread allocates nothing later: a process made by the system call alone may
    /// find the allocator locked. Returns the number of the thread's next record.
    fn begin(self, thread: usize) -> u64 {
        let place = Place {
            member: 0,
            thread,
            n: 0,
        };
        log::info!(target: "forks", "{}", message(place, LONGEST, &|| {}));
        self.words[THREADS_AT + thread].store(1, Release);
        1
    }

    /// Makes the forks of the main thread.
    fn fork_between(self) {
        let mut waiting = Waiting::default();
        for number in self.plan.forks_of(0) {
            let (_, fork) = self.plan.fork(number);
            match make(fork.made, number) {
                Some(pid) => waiting.add(pid, fork.end),
                None => self.live(number, fork),
            }
        }
        waiting.all();
        FORKING.fetch_sub(1, Relaxed);
    }

    /// Logs, and makes the forks of one thread meanwhile, until all threads have made theirs.
    fn fork_and_log(self, thread: usize, next: &mut u64) {
        let mut waiting = Waiting::default();
        for number in self.plan.forks_of(thread) {
            for _ in 0..number % 7 {
                self.log(thread, next, &|| {}, None);
            }
            let (_, fork) = self.plan.fork(number);
            let made = Cell::new(None);
            let make = || {
                assert_eq!(made.get(), None, "foreign code runs once");
                made.set(Some(make(fork.made, number)));
            };
            match fork.moment {
                Moment::Between => make(),
                Moment::InMessage => self.log(thread, next, &make, None),
                Moment::InValue => self.log(thread, next, &|| {}, Some(&make)),
            }
            match made.get() {
                Some(Some(pid)) => waiting.add(pid, fork.end),
                Some(None) => self.live(number, fork),
                None => panic!("the message was not formatted"),
            }
        }
        waiting.all();
        FORKING.fetch_sub(1, Relaxed);
        while FORKING.load(Relaxed) > 0 {
            self.log(thread, next, &|| {}, None);
            thread::yield_now();
        }
    }

    /// Logs a record of the first process. Its message or its value calls a function.
    fn log(self, thread: usize, next: &mut u64, middle: &dyn Fn(), in_value: Option<&dyn Fn()>) {
        let place = Place {
            member: 0,
            thread,
            n: *next,
        };
        let message = message(place, length(place.number(self.plan.seed)), middle);
        match in_value {
            None => log::info!(target: "forks", "{message}"),
            Some(call) => log::info!(target: "forks", value:% = Calls(call); "{message}"),
        }
        *next += 1;
        if NUMBER.load(Relaxed) == 0 {
            self.words[THREADS_AT + thread].store(*next, Release);
        }
    }

    /// The life of a process that was made.
    fn live(self, number: usize, fork: Fork) -> ! {
        let words = &self.words[FORKS_AT + 2 * number..];
        words[0].store(u64::from(process::id()), Release);
        for n in 0..fork.records {
            let place = Place {
                member: number + 1,
                thread: 0,
                n,
            };
            let length = length(place.number(self.plan.seed));
            log::info!(target: "forks", "{}", message(place, length, &|| {}));
            words[1].store(n + 1, Release);
        }
        match fork.end {
            End::Exit => process::exit(0),
            // SAFETY: it has no conditions.
            End::UnderscoreExit => unsafe { libc::_exit(0) },
            End::Kill => kill_process(getpid(), Signal::KILL).expect("a process"),
        }
        unreachable!("it is killed")
    }
}

fn message(place: Place, length: usize, middle: &dyn Fn()) -> Message<&dyn Fn()> {
    Message {
        place,
        text: text(length, place.n),
        middle,
    }
}

/// A value that calls a function when it is formatted.
struct Calls<'a>(&'a dyn Fn());

impl fmt::Display for Calls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("called")
    }
}

/// Makes a process. Returns `None` in it.
fn make(made: Made, number: usize) -> Option<Pid> {
    let making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = match made {
        // SAFETY: the process logs and ends; no other thread holds a lock that this needs.
        Made::Fork => unsafe { libc::fork() }.into(),
        Made::Clone => clone(0),
        Made::Namespace => match rustix::process::geteuid().is_root() {
            true => clone(libc::CLONE_NEWPID),
            false => clone(libc::CLONE_NEWPID | libc::CLONE_NEWUSER),
        },
    };
    drop(making);
    if pid == 0 {
        NUMBER.store(number as u64 + 1, Relaxed);
    }
    assert!(pid >= 0, "{made:?}: {}", io::Error::last_os_error());
    Pid::from_raw(i32::try_from(pid).expect("a pid"))
}

fn clone(flags: libc::c_int) -> i64 {
    // SAFETY: without CLONE_VM it is a fork of which the C library knows nothing. What the process does needs no lock
    // that another thread may hold: see `MAKING` and `Forker::begin`.
    unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) }
}

/// The processes of one thread that have not been waited for.
#[derive(Debug, Default)]
struct Waiting {
    pids: [Option<(Pid, End)>; AT_ONCE],
    next: usize,
}

impl Waiting {
    fn add(&mut self, pid: Pid, end: End) {
        let oldest = self.pids[self.next].replace((pid, end));
        self.next = (self.next + 1) % AT_ONCE;
        if let Some(oldest) = oldest {
            wait(oldest);
        }
    }

    fn all(self) {
        self.pids.into_iter().flatten().for_each(wait);
    }
}

fn wait((pid, end): (Pid, End)) {
    let (_, status) = waitpid(Some(pid), WaitOptions::empty())
        .expect("waitpid")
        .expect("a status");
    let is_expected = match end {
        End::Exit | End::UnderscoreExit => status.exit_status() == Some(0),
        End::Kill => status.terminating_signal() == Some(libc::SIGKILL),
    };
    assert!(is_expected, "{end:?}: {status:?}");
}
