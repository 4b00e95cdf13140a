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

use pipe_handler::{Overflow, PipeHandler};

use crate::{
    death::Death,
    message::{Message, Place, text},
    plan::{Delivery, Member, Moment, Origin, Plan},
    shared_counters::Slots,
};

/// A process that nobody ended by then ends itself, and so tells of it.
const LIMIT: Duration = Duration::from_secs(45);
pub(crate) const NOBODY_CAME: i32 = 42;

/// Whether the panic that comes next is the last thing that this process does.
static ABORTS: AtomicBool = AtomicBool::new(false);

/// Nobody forks while a thread ends the process: the fork would find the locks of exit, abort and panic held by a thread
/// that it does not have, and the C library no longer calling the hooks of `pthread_atfork`.
static NOW_OR_NEVER: Mutex<()> = Mutex::new(());

/// This process has yet to fork. Until it has, no thread of it ends: a thread that ends holds a lock of the standard library
/// for a moment (the one on where its stack is guarded), and in a process forked then no new thread would ever begin.
static WILL_FORK: AtomicBool = AtomicBool::new(false);

/// One process among those of a plan.
#[derive(Clone)]
struct Life {
    plan: &'static Plan,
    counters: &'static str,
    slots: Slots,
    place: usize,
    /// Tells the main thread that it is time to end.
    end: Sender<()>,
}

/// The whole life of a process that was started.
pub(crate) fn run(plan: &str, counters: String, place: usize) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let slots = Slots::open(&counters).expect("a counters");
    // Made before there are threads: a fork must not find it half made for ever.
    text(0, 0);
    // It is called behind the handler's own, and does what a build with panic = "abort" does then.
    panic::set_hook(Box::new(|_| {
        if ABORTS.load(Relaxed) {
            process::abort();
        }
    }));
    live(Box::leak(Box::new(plan)), counters.leak(), slots, place);
}

/// The life of a process that was started or forked.
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

/// Starts a thread and waits until it runs. While one is being started the standard library holds a lock, which a fork at
/// that moment would find locked for ever, and with it each thread that it starts.
fn start(work: impl FnOnce() + Send + 'static) {
    let (begins, begun) = mpsc::channel::<()>();
    thread::spawn(move || {
        drop(begins);
        work();
        // Looked at again and again: a condition variable would be one more lock that a fork may find held.
        while WILL_FORK.load(Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
    });
    if begun.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        // SAFETY: it has no conditions.
        unsafe { libc::_exit(NOBODY_CAME) };
    }
}

fn init(plan: &Plan) {
    let delivery = match plan.delivery {
        Delivery::Buffered => pipe_handler::Delivery::Buffered,
        Delivery::Direct | Delivery::Dropping => pipe_handler::Delivery::Direct,
    };
    let overflow = match plan.delivery {
        Delivery::Dropping => Overflow::DropNewest,
        Delivery::Direct | Delivery::Buffered => Overflow::Block,
    };
    PipeHandler::builder()
        .delivery(delivery)
        .overflow(overflow)
        // The machine may be busy with other things: then it takes as long as it takes.
        .exit_timeout(Duration::from_secs(1_000))
        .init()
        .expect("a record pipe");
}

impl Life {
    fn member(&self) -> &'static Member {
        &self.plan.members[self.place]
    }

    /// The planned death, as far as this thread can do it.
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

    /// An exit hook that runs before the first record has nothing to close, and a panic while the handler takes its hook
    /// is heard by none.
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
            log::info!(target: "campaign", "{message}");
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

    /// The members of the first process that have another origin than it.
    fn others(&self, origin: Origin) -> impl Iterator<Item = usize> {
        let members = self.plan.members.iter().enumerate();
        let is_first = self.place == 0;
        members
            .filter(move |(_, member)| is_first && member.origin == origin)
            .map(|(place, _)| place)
    }

    /// In a forked process its place.
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
        reason = "their pids are not to be given away before the campaign has looked"
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
    /// Whether it is within or behind this record.
    fn strikes(self, thread: usize, record: u64) -> (bool, bool) {
        let is_it = |t, records| (t, records) == (thread, record);
        match self {
            Moment::Within { thread, records } => (is_it(thread, records), false),
            Moment::Behind { thread, records } => (false, is_it(thread, records)),
            Moment::Later { .. } | Moment::Outside { .. } => (false, false),
        }
    }
}
