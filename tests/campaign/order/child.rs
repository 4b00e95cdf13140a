//! The processes of one buffer: their threads wait for the token, log its turn, and hand it on.

use std::{
    io,
    process::{Child, Command, Stdio},
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
    thread,
};

use pipe_handler::{Delivery, PipeHandler};
use rustix::process::{Pid, WaitOptions, waitpid};

use super::{BEGUN, HandOver, NOISE, Origin, Plan};
use crate::{clock, message::text, random::hash, shared_words};

/// The clock is stepped once in this many turns.
const STEP: u64 = 20;

/// How many processes have begun.
const BEGUN_AT: usize = 0;
/// Not 0 once the token has gone its last way.
const OVER_AT: usize = 1;
/// The seconds that the clocks are ahead.
const CLOCK_AT: usize = 2;
/// The words of the threads: one more than the turn for which the thread has got the token.
const TOKEN_AT: usize = 3;

/// Returns the number of words that the processes share.
pub(super) fn words(plan: &Plan) -> usize {
    TOKEN_AT + plan.processes * plan.threads
}

/// One process. The process of place 0 starts the others.
#[derive(Clone)]
struct Process {
    plan: Plan,
    words: &'static [AtomicU64],
    place: usize,
}

enum Started {
    Forked(Pid),
    Shared(Child),
}

/// Runs one process to its end.
pub(crate) fn run(plan: &str, place: usize) {
    let mut plan: Plan = serde_json::from_str(plan).expect("a plan");
    let words = shared_words::open(&plan.words).expect("the words");
    if plan.steps_clock {
        clock::follow(&words[CLOCK_AT]);
    }
    if place == 0 && plan.hand_over == HandOver::Pipe {
        plan.pipes = (0..plan.threads()).map(|_| pipe()).collect();
    }
    let builder = PipeHandler::builder().delivery(Delivery::Shared);
    builder.init().expect("a record pipe");
    Process { plan, words, place }.live();
}

impl Process {
    /// The processes begin one after the other, before any thread takes a ring: each gets its common ring.
    fn live(self) {
        log::info!(target: BEGUN, "{}", self.place);
        let begun = &self.words[BEGUN_AT];
        shared_words::set(begun, self.place as u64 + 1);
        let mut started = Vec::new();
        if self.place == 0 {
            for place in 1..self.plan.processes {
                match self.start(place) {
                    Some(other) => started.push(other),
                    None => return Self { place, ..self }.live(),
                }
                shared_words::wait_while(begun, place as u64);
            }
            self.hand_to(0, 0);
        }
        let count = self.plan.processes as u64;
        for begun_so_far in self.place as u64 + 1..count {
            shared_words::wait_while(begun, begun_so_far);
        }
        let first = self.place * self.plan.threads;
        let noise = (0..self.plan.noise).map(|_| self.spawn(Self::make_noise));
        let noise: Vec<_> = noise.collect();
        let others = (first + 1..first + self.plan.threads)
            .map(|thread| self.spawn(move |process| process.carry(thread)));
        let others: Vec<_> = others.collect();
        self.carry(first);
        for thread in others.into_iter().chain(noise) {
            thread.join().expect("no panic");
        }
        started.into_iter().for_each(Started::wait);
    }

    fn spawn(&self, work: impl FnOnce(&Self) + Send + 'static) -> thread::JoinHandle<()> {
        let process = self.clone();
        thread::spawn(move || work(&process))
    }

    /// Starts the process of this place. Returns `None` in a forked one.
    fn start(&self, place: usize) -> Option<Started> {
        if self.plan.origin == Origin::Forked {
            // SAFETY: this process has one thread.
            let forked = unsafe { libc::fork() };
            assert!(forked >= 0, "fork: {}", io::Error::last_os_error());
            return Pid::from_raw(forked).map(Started::Forked);
        }
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        let plan = serde_json::to_string(&self.plan).expect("JSON");
        command.args(["order-child", &plan, &place.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        pipe_handler::share_with(&mut command).expect("a pipe to share");
        Some(Started::Shared(command.spawn().expect("a child")))
    }

    /// Takes the token of one thread, logs, and hands it on, until the last turn.
    fn carry(&self, thread: usize) {
        let threads = self.plan.threads() as u64;
        // After the last turn the token goes round once more, so that each thread ends.
        let end = self.plan.turns + threads;
        let padding = text(self.plan.padding, 0);
        for turn in (thread as u64..end).step_by(self.plan.threads()) {
            self.await_turn(thread, turn);
            match turn < self.plan.turns {
                true => log::info!(target: "order", "{turn} {padding}"),
                false => self.words[OVER_AT].store(1, Relaxed),
            }
            if self.plan.steps_clock && turn % STEP == 0 {
                let seconds = hash(&turn).cast_signed() % 100_000;
                self.words[CLOCK_AT].store(seconds.cast_unsigned(), Relaxed);
            }
            if turn + 1 < end {
                self.hand_to((thread + 1) % self.plan.threads(), turn + 1);
            }
        }
    }

    fn hand_to(&self, thread: usize, turn: u64) {
        match self.plan.hand_over {
            HandOver::Pipe => {
                let bytes = turn.to_ne_bytes();
                // SAFETY: the bytes live during the call.
                let written = unsafe {
                    libc::write(
                        self.plan.pipes[thread][1],
                        bytes.as_ptr().cast(),
                        bytes.len(),
                    )
                };
                assert_eq!(written, 8, "write: {}", io::Error::last_os_error());
            }
            HandOver::Futex | HandOver::Spin => {
                shared_words::set(&self.words[TOKEN_AT + thread], turn + 1);
            }
        }
    }

    fn await_turn(&self, thread: usize, turn: u64) {
        let word = &self.words[TOKEN_AT + thread];
        let had = (turn + 1).saturating_sub(self.plan.threads() as u64);
        match self.plan.hand_over {
            HandOver::Pipe => assert_eq!(read(self.plan.pipes[thread][0]), turn),
            HandOver::Futex => assert_eq!(shared_words::wait_while(word, had), turn + 1),
            HandOver::Spin => {
                while word.load(Acquire) != turn + 1 {
                    thread::yield_now();
                }
            }
        }
    }

    /// Logs all the time.
    fn make_noise(&self) {
        while self.words[OVER_AT].load(Relaxed) == 0 {
            log::info!(target: NOISE, "noise");
            thread::yield_now();
        }
    }
}

impl Plan {
    /// The number of threads that the token goes round.
    fn threads(&self) -> usize {
        self.processes * self.threads
    }
}

impl Started {
    fn wait(self) {
        let is_good = match self {
            Self::Shared(mut child) => child.wait().expect("a status").success(),
            Self::Forked(pid) => {
                let status = waitpid(Some(pid), WaitOptions::empty()).expect("waitpid");
                status.is_some_and(|(_, status)| status.exit_status() == Some(0))
            }
        };
        assert!(is_good, "a process that ends with 0");
    }
}

/// Makes a pipe that programs inherit which this process starts.
fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    // SAFETY: it has room for two numbers.
    let made = unsafe { libc::pipe(ends.as_mut_ptr()) };
    assert_eq!(made, 0, "pipe: {}", io::Error::last_os_error());
    ends
}

fn read(fd: i32) -> u64 {
    let mut bytes = [0; 8];
    // SAFETY: it has room for 8 bytes.
    let read = unsafe { libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len()) };
    assert_eq!(read, 8, "read: {}", io::Error::last_os_error());
    u64::from_ne_bytes(bytes)
}
