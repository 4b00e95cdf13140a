//! A process of a trial: it logs from several threads, counts what it has logged, and dies as planned.

use std::{
    panic,
    process::{self, Command, Stdio},
    sync::{
        Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use pipe_handler::PipeHandler;

use crate::{
    death::Death,
    message::{Message, Place, level, text},
    plan::{Member, Moment, Origin, Plan},
    shared_counters::Slots,
};

/// A process that is still there after this time ends itself with [`NOBODY_CAME`].
const LIMIT: Duration = Duration::from_secs(45);
pub(crate) const NOBODY_CAME: i32 = 42;

/// Whether the next panic aborts this process.
static ABORTS: AtomicBool = AtomicBool::new(false);

/// Held by a fork, by the start of a thread, and by a thread that ends the process. A fork during an exit would have the
/// locks of exit, abort and panic held by a thread that it does not have, and the C library would no longer call the
/// hooks of `pthread_atfork`.
static NOW_OR_NEVER: Mutex<()> = Mutex::new(());

/// Whether this process is still to fork. Until then no thread of it ends: a thread that ends holds a lock of the
/// standard library for a moment (the one for the guard page of its stack), and a fork at that moment could start no
/// thread.
static WILL_FORK: AtomicBool = AtomicBool::new(false);

/// One process of a plan.
#[derive(Clone)]
struct Life {
    plan: &'static Plan,
    counters: &'static str,
    slots: Slots,
    place: usize,
    /// Makes the main thread end.
    end: Sender<()>,
}

/// Runs a process that was started, to its death.
pub(crate) fn run(plan: &str, counters: String, place: usize) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let slots = Slots::open(&counters).expect("the counters");
    // Made before there are threads: in a fork it could stay half made.
    text(0, 0);
    // The handler's hook calls it last, so that it does what a build with panic = "abort" does.
    panic::set_hook(Box::new(|_| {
        if ABORTS.load(Relaxed) {
            process::abort();
        }
    }));
    live(Box::leak(Box::new(plan)), counters.leak(), slots, place);
}

/// Runs a process that was started or forked, to its death.
fn live(plan: &'static Plan, counters: &'static str, slots: Slots, place: usize) {
    let (end, ended) = mpsc::channel();
    let life = Life {
        plan,
        counters,
        slots,
        place,
        end,
    };
    let member = life.member();
    ABORTS.store(member.death == Death::PanicAbort, Relaxed);
    slots.pid(place).store(process::id().into(), Release);
    let forks = [Origin::Forked, Origin::ForkedLate];
    let will_fork = forks.map(|origin| life.others(origin).next().is_some());
    WILL_FORK.store(will_fork.contains(&true), Release);
    if let Moment::Later { micros } = member.moment {
        let life = life.clone();
        start(move || {
            if member.death.is_orderly() || member.death.panics() {
                life.wait_for_a_record();
            }
            thread::sleep(Duration::from_micros(micros));
            life.end();
        });
    }
    if matches!(member.origin, Origin::Spawned | Origin::Shared) {
        init(plan);
    }
    if let Some(forked) = life.fork_those(Origin::Forked) {
        return live(plan, counters, slots, forked);
    }
    for thread in 0..member.threads {
        let life = life.clone();
        start(move || life.log(thread));
    }
    if let Some(forked) = life.fork_those(Origin::ForkedLate) {
        return live(plan, counters, slots, forked);
    }
    WILL_FORK.store(false, Release);
    life.start_those_that_share();
    match ended.recv_timeout(LIMIT) {
        Ok(()) if member.death == Death::Return => {}
        Ok(()) => member.death.die(),
        // SAFETY: it has no conditions.
        Err(_) => unsafe { libc::_exit(NOBODY_CAME) },
    }
}

/// Starts a thread and waits until it runs. The standard library holds a lock meanwhile, which would stay locked in a
/// fork, so that the fork could start no thread.
fn start(work: impl FnOnce() + Send + 'static) {
    let (begins, begun) = mpsc::channel::<()>();
    // The system makes no thread while another one replaces the program.
    let unless_it_ends = NOW_OR_NEVER.lock();
    thread::spawn(move || {
        drop(begins);
        work();
        // Polled: a condition variable would be one more lock that may be held at a fork.
        while WILL_FORK.load(Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
    });
    drop(unless_it_ends);
    if begun.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        // SAFETY: it has no conditions.
        unsafe { libc::_exit(NOBODY_CAME) };
    }
}

fn init(plan: &Plan) {
    let delivery = match plan.delivery.is_shared() {
        true => pipe_handler::Delivery::Shared,
        false => pipe_handler::Delivery::Direct,
    };
    PipeHandler::builder()
        .delivery(delivery)
        .overflow(plan.delivery.overflow())
        // The machine may be busy: the exit waits as long as it takes.
        .exit_timeout(Duration::from_secs(1_000))
        .init()
        .expect("a record pipe");
}

impl Life {
    fn member(&self) -> &'static Member {
        &self.plan.members[self.place]
    }

    /// Dies as planned. A death of the main thread is left to that thread.
    fn end(&self) {
        let death = self.member().death;
        match death.is_of_the_main_thread() {
            // It may have ended already.
            true => drop(self.end.send(())),
            false => {
                let _until_the_end = NOW_OR_NEVER.lock();
                death.die()
            }
        }
    }

    /// Waits until a thread has logged. An exit hook that runs before has nothing to close, and a panic while the
    /// handler installs its hook is not logged.
    fn wait_for_a_record(&self) {
        let has_logged = |thread| self.slots.acknowledged(self.place, thread).load(Acquire) > 0;
        while !(0..self.member().threads).any(has_logged) {
            thread::yield_now();
        }
    }

    fn log(&self, thread: usize) {
        let member = self.member();
        let begun = self.slots.begun(self.place, thread);
        let acknowledged = self.slots.acknowledged(self.place, thread);
        for n in 0..member.records {
            let place = Place {
                member: self.place,
                thread,
                n,
            };
            let (within, behind) = member.moment.strikes(thread, n + 1);
            let number = place.number(self.plan.seed);
            let message = Message {
                place,
                text: text(self.plan.sizes.length(number), number),
                middle: || {
                    if within {
                        self.end();
                    }
                },
            };
            begun.store(n + 1, Release);
            log::log!(target: "campaign", level(n), "{message}");
            acknowledged.store(n + 1, Release);
            // A record that was dropped because there was no room for hello has no middle.
            if within || behind {
                self.end();
            }
            if self.plan.pause_micros > 0 {
                thread::sleep(Duration::from_micros(self.plan.pause_micros));
            }
        }
    }

    /// Returns the places of the members with this origin, if this process is the first.
    fn others(&self, origin: Origin) -> impl Iterator<Item = usize> {
        let members = self.plan.members.iter().enumerate();
        let is_first = self.place == 0;
        members
            .filter(move |(_, member)| is_first && member.origin == origin)
            .map(|(place, _)| place)
    }

    /// Returns, in a forked process, its place.
    fn fork_those(&self, origin: Origin) -> Option<usize> {
        self.others(origin).find(|_| {
            let _unless_it_ends = NOW_OR_NEVER.lock();
            // SAFETY: the forked process logs, makes threads and ends, and the C library keeps its own locks usable
            // across a fork; no other thread of this one holds locks of the standard library.
            let forked = unsafe { libc::fork() };
            assert!(forked >= 0, "fork: {}", std::io::Error::last_os_error());
            forked == 0
        })
    }

    #[expect(
        clippy::zombie_processes,
        reason = "a pid must not be reused before the campaign has read its status"
    )]
    fn start_those_that_share(&self) {
        for place in self.others(Origin::Shared) {
            let mut command = Command::new(std::env::current_exe().expect("a path"));
            command.arg("child");
            command.arg(serde_json::to_string(self.plan).expect("JSON"));
            command.args([self.counters, &place.to_string()]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            pipe_handler::share_with(&mut command).expect("a pipe to share");
            let _unless_it_ends = NOW_OR_NEVER.lock();
            command.spawn().expect("a child");
        }
    }
}

impl Moment {
    /// Whether the moment is within or after this record.
    fn strikes(self, thread: usize, record: u64) -> (bool, bool) {
        let is_it = |t, records| (t, records) == (thread, record);
        match self {
            Moment::Within { thread, records } => (is_it(thread, records), false),
            Moment::Behind { thread, records } => (false, is_it(thread, records)),
            Moment::Later { .. } | Moment::Outside { .. } => (false, false),
        }
    }
}
